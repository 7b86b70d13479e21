"""Two databases with followed tables, their ledgers, and a mover that the test moves by hand."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import psycopg
from compare.lab import rule
from support.servers import Databases

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.config.ledger import Ledger
from pgcutover.connect import open_session
from pgcutover.ledger.ledgers import FILE, LedgerParts, Ledgers, open_ledgers
from pgcutover.ledger.model import Proof
from pgcutover.mapping import MappedTable, MappingRules, parse_rules
from pgcutover.sides import Sides

SCHEMA = """
create schema app;
create table app.a (id int primary key, v text);
create table app.b (x text, y int, v int, primary key (x, y));
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
        with open_session(self.dsns.source) as source, open_session(self.dsns.target) as target:
            return read_manifest(source, target, self.rules)

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

    def close(self) -> None:
        if self.ledgers is not None:
            self.ledgers.close()
        self.ledgers = None

    def compare(self, *tables: str) -> dict[str, str]:
        """Compare whole tables as the gate does; return the reports of those that differ."""
        manifest = self.manifest()
        wanted: Sequence[MappedTable] = [
            t for t in manifest.tables if not tables or str(t) in tables
        ]
        with closing(self.comparer(manifest, log=self.now.log)) as comparer:
            diffs = {str(t): comparer.rows(t) for t in wanted}
        return {name: diff.report() for name, diff in diffs.items() if diff}

    def prove(self) -> Proof:
        """Drain both slots, settle while that closes keys, and return the verdict."""
        self.now.drain(monotonic() + 30)
        while self.now.settle_once(wait=False).closed:
            pass
        return self.now.proof()


@contextmanager
def opened(databases: Databases, folder: Path, schema: str = SCHEMA) -> Iterator[Rig]:
    rig = Rig(databases, folder)
    rig.both(schema)
    try:
        yield rig
    finally:
        rig.close()


Made = Callable[..., Rig]
