"""Two databases with followed tables, their ledgers, and a mover that the test moves by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

import psycopg
from compare.lab import rule
from support.servers import Databases

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.compare.live.fence import Fence
from pgcutover.config.cutover.ledger import Ledger
from pgcutover.connect import open_session
from pgcutover.ledger.ledgers import LedgerParts, Ledgers, open_ledgers
from pgcutover.ledger.model import Proof
from pgcutover.ledger.store import FILE
from pgcutover.mapping import MappingRules, parse_rules
from pgcutover.sides import Sides
from pgcutover.verdict import Verdict

SCHEMA = """
create schema app;
create table app.a (id int primary key, v text);
create table app.b (x text, y int, v int, primary key (x, y));
"""
TOML = """
name = "ledger"
table_mappings = "rules.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[ledger]
source_dsn_env = "PGCUTOVER_SOURCE_DSN"
target_dsn_env = "PGCUTOVER_TARGET_DSN"
slot = "{slot}"
"""
MOVED = [
    rule(1, "selection", "include", "app", "%"),
]


def moved_rules() -> MappingRules:
    return parse_rules({"rules": MOVED}, "rules of the test")


@dataclass
class Rig:
    """Both databases and their ledgers; `open` starts or resumes these."""

    databases: Databases
    folder: Path
    rules: MappingRules = field(default_factory=moved_rules)
    ledgers: Ledgers | None = None
    gate: Comparer | None = None
    known: Manifest | None = None

    @property
    def dsns(self) -> Sides[str]:
        return Sides(self.databases.source, self.databases.target)

    @property
    def slot(self) -> str:
        return f"ledger_{self.databases.name}"

    @property
    def now(self) -> Ledgers:
        assert self.ledgers is not None
        return self.ledgers

    def run(self, label: str, *statements: str) -> None:
        with psycopg.connect(getattr(self.databases, label), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def both(self, *statements: str) -> None:
        for label in ("source", "target"):
            self.run(label, *statements)

    def manifest(self) -> Manifest:
        """Both catalogs, read once: only `SCHEMA` and tables of a test make them."""
        if self.known is None:
            with open_session(self.dsns.source) as source, open_session(self.dsns.target) as target:
                self.known = read_manifest(source, target, self.rules)
        return self.known

    def comparer(self, manifest: Manifest, **options: object) -> Comparer:
        return Comparer(*self.dsns, manifest, CompareOptions(salt="salt", **options))  # type: ignore[arg-type]

    def parts(self) -> LedgerParts:
        manifest = self.manifest()
        config = Ledger(source_dsn_env="A", target_dsn_env="B", slot=self.slot)
        comparer = self.comparer(manifest)
        return LedgerParts(config, self.dsns, manifest, comparer, self.folder / FILE)

    def open(self, **options: bool) -> Ledgers:
        self.close()
        self.ledgers = open_ledgers(self.parts(), **options)
        return self.ledgers

    def begin(self, rows: int = 20) -> None:
        """Start with equal tables, new slots and a comparison of every table."""
        self.both(
            "truncate app.a, app.b",
            f"insert into app.a select n, 'v' from generate_series(1, {rows}) n",
            f"insert into app.b select 'x', n, n from generate_series(1, {rows}) n",
        )
        self.open(anew=True)
        assert self.compare() == {}
        assert self.prove().verdict is Verdict.PASS

    def close(self) -> None:
        if self.ledgers is not None:
            self.ledgers.close()
        self.ledgers = None

    def compare(self, *tables: str, fence: Fence | None = None) -> dict[str, str]:
        """Compare whole tables as the gate does; return the reports of those that differ."""
        manifest = self.manifest()
        if self.gate is None:
            self.gate = self.comparer(manifest)
        self.gate._options = replace(self.gate._options, log=self.now.log, fence=fence)
        wanted = [t for t in manifest.tables if not tables or str(t) in tables]
        self.gate.end_keys()  # forgets the last result
        diffs = {str(t): self.gate.rows(t) for t in wanted}
        self.gate.end_keys()
        return {name: diff.report() for name, diff in diffs.items() if diff}

    def prove(self) -> Proof:
        """Drain both slots, settle while that closes keys, and return the verdict."""
        self.now.drain(monotonic() + 30)
        self.now.settle_all(monotonic() + 30)
        return self.now.proof()


@contextmanager
def opened(databases: Databases, folder: Path, schema: str = SCHEMA) -> Iterator[Rig]:
    rig = Rig(databases, folder)
    rig.both(schema)
    try:
        yield rig
    finally:
        rig.close()
        if rig.gate is not None:
            rig.gate.close()
