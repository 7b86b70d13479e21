"""Creates the source's schema on the target, before the numbered scripts run.

1. *Extract*: `pg_dump --schema-only` in two sections, pre-data (types, functions, sequences,
   tables, defaults, views, grants) and post-data (keys, indexes, foreign keys, triggers). Both are
   saved as evidence.
2. *Create*: both sections run on the target, unchanged, under the source's names. Objects that
   exist on the target are left as they are (`create_missing`).
3. *Move*: the pre-load scripts change what must differ (`alter table public.users set schema
   auth`). Keys, indexes, foreign keys, triggers, views, owned sequences and grants follow their
   table, because PostgreSQL binds them by oid. To rewrite the names in the dump instead needs an
   SQL parser, and is wrong silently where the parser is.
4. *Drop for the load* (`secondary_objects`): secondary indexes, unique and exclusion constraints,
   foreign keys and triggers are recorded as PostgreSQL now prints them, under their new names, and
   dropped while the tables are empty. Primary keys stay, because the mover finds rows by them.
5. *Create again*: after the load, and before changes are applied. Then the post-load scripts run.

Each step is one transaction and one entry of the journal, so all of it can be run again at any
time. Nothing here writes to the source.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.applied_steps import Applied, entry, run_once
from pgcutover.provision.create_missing import create_missing
from pgcutover.provision.execute import Progress
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.text.words import count_noun

PHASE = "source"


@dataclass(frozen=True, slots=True)
class DumpedSection:
    """One section of the source's schema, and the evidence file that holds it."""

    section: str
    path: Path
    text: str

    @property
    def sha256(self) -> str:
        """The text's checksum, which changes with the source's schema."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def extract(source_dsn: str, evidence: Path, progress: Progress) -> list[DumpedSection]:
    """Write both sections of the source's schema to `evidence/source-<section>.sql`."""
    evidence.mkdir(parents=True, exist_ok=True)
    return [_extract(source_dsn, evidence, section, progress) for section in SECTIONS]


def apply_section(conn: Connection, dumped: DumpedSection, progress: Progress) -> Applied | None:
    """Create what the target lacks of one section; None where that is done already.

    ProvisionError where the source's schema has changed since.
    """
    script = f"{dumped.section}.sql"
    _refuse_changed_source(conn, script, dumped.sha256)
    name = f"{PHASE}/{script}"
    existing = 0

    def create() -> None:
        nonlocal existing
        existing = create_missing(conn, dumped.text, name)

    done = run_once(conn, PHASE, script, dumped.sha256, create)
    if done and existing:
        progress(f"{name}: {count_noun(existing, 'object')} left as found on the target")
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
            "an empty target database"
        )
