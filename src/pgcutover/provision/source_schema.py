"""How the source's schema reaches the target, and what the numbered scripts may rely on.

1. *Extraction*: `pg_dump --schema-only` in two sections, pre-data (types, functions, sequences,
   tables, defaults, views, grants) and post-data (keys, indexes, foreign keys, triggers). Both are
   kept as evidence files.
2. *Whole and unchanged*: both sections are applied to the empty target under the source's own
   names. Nobody edits or translates a dump.
3. *Moves*: the pre-load scripts then say in PostgreSQL's words what becomes different
   (`alter table public.users set schema auth`). Keys, indexes, foreign keys, triggers, views,
   owned sequences and grants follow their table, because PostgreSQL binds them by oid. The other
   way, rewriting the names in post-data and applying it after the load, needs a parser of SQL, and
   is wrong silently where that parser is.
4. *Set aside for the load* (`deferred`): secondary indexes, unique and exclusion constraints,
   foreign keys and triggers are written down as PostgreSQL now prints them, under their new names,
   and dropped while the tables are still empty. Primary keys stay: the mover finds rows by them.
5. After the load, and before changes are applied, they are created again, and then the post-load
   scripts run.

Each step is one transaction and one entry of the journal, so all of it can be run again at any
time. Nothing here writes to the source.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pgcutover.errors import ProvisionError
from pgcutover.provision.applied_steps import Applied, entry, run_once
from pgcutover.provision.execute import Connection, Progress, run_statements
from pgcutover.provision.pg_dump import SECTIONS, dump_section

PHASE = "source"


@dataclass(frozen=True, slots=True)
class DumpedSection:
    """One section of the source's schema, and the evidence file that holds it."""

    section: str
    path: Path
    text: str

    @property
    def sha256(self) -> str:
        """Of the text; the same as long as the source's schema is."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def extract(source_dsn: str, evidence: Path, progress: Progress) -> list[DumpedSection]:
    """Both sections of the source's schema, written to `evidence/source-<section>.sql`."""
    evidence.mkdir(parents=True, exist_ok=True)
    return [_extract(source_dsn, evidence, section, progress) for section in SECTIONS]


def apply_section(conn: Connection, dumped: DumpedSection, progress: Progress) -> Applied | None:
    """Creates one section on the target; None where that has been done.

    ProvisionError where the source's schema has changed since.
    """
    script = f"{dumped.section}.sql"
    _refuse_changed_source(conn, script, dumped.sha256)
    name = f"{PHASE}/{script}"
    done = run_once(
        conn, PHASE, script, dumped.sha256, lambda: run_statements(conn, dumped.text, name)
    )
    if done:
        progress(f"applied {done.name} in {done.duration_seconds:.2f} s")
    return done


def _extract(source_dsn: str, evidence: Path, section: str, progress: Progress) -> DumpedSection:
    text = dump_section(source_dsn, section)
    path = evidence / f"source-{section}.sql"
    path.write_text(text, encoding="utf-8")
    progress(f"extracted the source's {section} to {path}")
    return DumpedSection(section, path, text)


def _refuse_changed_source(conn: Connection, script: str, sha256: str) -> None:
    done = entry(conn, PHASE, script)
    if done and done.sha256 != sha256:
        raise ProvisionError(
            f"the source's schema has changed: {done.name} was applied on "
            f"{done.applied_at:%Y-%m-%d %H:%M:%S %Z} with sha256 {done.sha256} but is now "
            f"{sha256}; undo the change on the source until the cutover is over, or provision "
            "an empty target database anew"
        )
