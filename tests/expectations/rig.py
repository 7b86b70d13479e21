"""A table with a column of every kind, its suite, and the engine that runs it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from pgcutover.connect import open_session
from pgcutover.gx.diff import ExpectationDiff
from pgcutover.gx.engine import TargetExpectations
from pgcutover.mapping import MappedTable, RelationName

SCHEMA = """
create schema clinic;
create type clinic.kind as enum ('pulse', 'steps');
create table clinic."dayVisits" (
    id integer, "patientName" text, mail varchar(80), kind clinic.kind, value numeric,
    unit char(8), share double precision, rest double precision, copy integer, token uuid,
    started date, ended date, seen timestamptz, document jsonb, picture bytea, nothing text
);
"""
FILL = """
insert into clinic."dayVisits"
select i, 'Name ' || i, 'visit.' || i || '@mail.example', 'pulse', 60.50 + i, 'bpm', 0.5, 0.5, i,
       gen_random_uuid(), date '2026-01-01' + i, date '2026-01-02' + i,
       timestamptz '2026-01-01 10:00+00' + i * interval '1 hour', '{"a": 1}', '\\x89504e47', null
from generate_series(1, 40) i;
"""
TABLE = MappedTable(RelationName("public", "visits"), RelationName("clinic", "dayVisits"), ())


def expect(kind: str, **kwargs: object) -> dict[str, object]:
    """Return an expectation in the format of a suite."""
    return {"type": f"expect_{kind}", "kwargs": kwargs}


@dataclass
class Clinic:
    """A database with the table, and the suite that runs on it."""

    dsn: str = field(repr=False)
    folder: Path
    opened: list[psycopg.Connection] = field(default_factory=list)
    timeout_seconds: float = 20

    def run(self, statement: str) -> None:
        with psycopg.connect(self.dsn) as conn:
            conn.execute(statement)

    def suite(self, *expectations: object) -> None:
        self.write(json.dumps({"name": str(TABLE), "expectations": expectations}))

    def write(self, text: str) -> None:
        (self.folder / f"{TABLE}.json").write_text(text)

    def connect(self) -> psycopg.Connection:
        self.opened.append(open_session(self.dsn, statement_timeout_seconds=self.timeout_seconds))
        return self.opened[-1]

    def judge(self, *expectations: object) -> ExpectationDiff:
        """Run a suite of these expectations, or the existing one if there are none."""
        if expectations:
            self.suite(*expectations)
        return TargetExpectations(self.connect, self.folder, [TABLE]).meets(TABLE)


def build(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute(SCHEMA)
        conn.execute(FILL)
