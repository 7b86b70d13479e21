"""Test that a declared difference must exist exactly as declared, for one object."""

import re
from collections.abc import Sequence

import pytest
from compare.lab import Lab, run

from pgcutover.config.differences import DeclaredDifference

DECLARED = "SCHEMA-DECLARED[*]"


def declare(
    kind: str, name: str, change: str, definition: str | None = None, **more: str
) -> DeclaredDifference:
    return DeclaredDifference(kind, name, change, "on purpose", definition, **more)


_NAME = re.compile(r"\b(?:core|outside)\.\w+")

BRIN = "core.customers_created_brin"
BTREE = "create index customers_created_brin on core.customers using btree (created_at)"
TO_BTREE = f"drop index {BRIN}; {BTREE}"
GUESS = "create index guess on core.kv using btree (v)"
PART = "CREATE INDEX events_id ON ONLY core.events USING btree (id)"
FK = "core.aliases.fk_extra"
ADD_FK = (
    "alter table core.aliases add constraint fk_extra foreign key (alias) references core.kv(k)"
)
IDEM = "core.ledger.ledger_idem_key"

GREEN = [
    ("index added", GUESS, declare("index", "core.guess", "added", GUESS)),
    ("index added, whatever it is", GUESS, declare("index", "core.guess", "added")),
    ("index of a partitioned table added", PART.replace("ONLY ", ""),
     declare("index", "core.events_id", "added", PART)),
    ("index changed", TO_BTREE, declare("index", BRIN, "changed", BTREE)),
    ("index dropped", f"drop index {BRIN}", declare("index", BRIN, "dropped")),
    ("unique constraint dropped, with its index",
     "alter table core.ledger drop constraint ledger_idem_key", declare("unique", IDEM, "dropped")),
    ("foreign key dropped", "alter table core.ledger drop constraint ledger_account_id_fkey",
     declare("foreign_key", "core.ledger.ledger_account_id_fkey", "dropped")),
    ("foreign key changed",
     "alter table core.ledger drop constraint ledger_account_id_fkey;"
     "alter table core.ledger add constraint ledger_account_id_fkey foreign key (account_id)"
     " references core.accounts on delete cascade",
     declare("foreign_key", "core.ledger.ledger_account_id_fkey", "changed",
             "foreign key (account_id) references core.accounts(id) on delete cascade")),
    ("table added", "create table core.own (id int)", declare("table", "core.own", "added")),
    ("table unlogged", "alter table core.kv set unlogged",
     declare("table", "core.kv", "changed", property="persistence", value="unlogged")),
    ("column added", "alter table core.kv add column seen date",
     declare("column", "core.kv.seen", "added", "date")),
    ("column changed", "alter table core.accounts alter column code set not null",
     declare("column", "core.accounts.code", "changed", "lib.citext not null")),
    ("one property of a column", "alter table core.accounts alter column code set not null",
     declare("column", "core.accounts.code", "changed", property="not null", value="yes")),
    ("column dropped", "alter table core.kv drop column v",
     declare("column", "core.kv.v", "dropped")),
]  # fmt: skip


Row = tuple[str, str, DeclaredDifference, *tuple[str, ...]]


def in_batches(rows: Sequence[Row]) -> list[list[Row]]:
    """Group the rows: no two rows of a batch concern the same table or index."""
    made: list[tuple[list[Row], set[str]]] = []
    for row in rows:
        names = set(_NAME.findall(f"{row[1]} {row[2].object}"))
        batch, taken = next((m for m in made if m[1].isdisjoint(names)), ([], set()))
        if not batch:
            made.append((batch, taken))
        batch.append(row)
        taken |= names
    return [batch for batch, _ in made]


def lines_about(declared: DeclaredDifference, text: str) -> list[str]:
    """Return the lines that name the object, and its table if it belongs to one."""
    parts = declared.object.removesuffix("*").split(".")
    words = (".".join(parts[:2]), parts[-1])
    return [line for line in text.splitlines() if all(word in line for word in words)]


def ids(batch: Sequence[Row]) -> str:
    return " + ".join(row[0] for row in batch)


@pytest.mark.parametrize("batch", in_batches(GREEN), ids=ids)
def test_declared_differences_are_reported_as_such(lab: Lab, batch: list[Row]) -> None:
    run(lab.target, *(statement for _, statement, _ in batch))
    undeclared = lab.judge("schema")
    lab.declared = tuple(declared for _, _, declared in batch)
    results = lab.judge()
    assert (results.red, results.unknown) == ({}, {})
    for name, _, declared in batch:
        assert lines_about(declared, undeclared.text), name
        reports = lines_about(declared, "\n".join(results.declared))
        assert any("(declared: on purpose)" in line for line in reports), name


RED = [
    ("added, but missing", "select 1", declare("index", "core.guess", "added"),
     DECLARED, "declared added, but is missing"),
    ("added otherwise", GUESS.replace("(v)", "(k)"), declare("index", "core.guess", "added", GUESS),
     "SCHEMA-INDEXES-EXTRA[core.kv]", "unexpected index core.guess"),
    ("added, but invalid", f"{GUESS}; update pg_index set indisvalid = false"
     " where indexrelid = 'core.guess'::regclass", declare("index", "core.guess", "added", GUESS),
     "SCHEMA-INDEXES[core.guess]", "is INVALID on the target"),
    ("added, though the source has it", "select 1", declare("index", BRIN, "added"),
     DECLARED, "the source or a script creates it; remove the declaration"),
    ("changed, though both agree", "select 1", declare("index", BRIN, "changed", BTREE),
     DECLARED, "expected and found agree; remove the declaration"),
    ("changed into something else", TO_BTREE.replace("(created_at)", "(created_at, id)"),
     declare("index", BRIN, "changed", BTREE), f"SCHEMA-INDEXES[{BRIN}]", "created_at, id"),
    ("changed into nobody says what", TO_BTREE, declare("index", BRIN, "changed"),
     DECLARED, "without saying into what"),
    ("changed, but missing", f"drop index {BRIN}", declare("index", BRIN, "changed", BTREE),
     f"SCHEMA-INDEXES[{BRIN}]", "is missing on the target"),
    ("dropped, but there", "select 1", declare("index", BRIN, "dropped"),
     DECLARED, "declared dropped, but is on the target"),
    ("dropped, but never there", "select 1", declare("index", "core.nothing", "dropped"),
     DECLARED, "there is no such index"),
    ("changed, but never there", "select 1", declare("index", "core.nothing", "changed", BTREE),
     DECLARED, "there is no such index"),
    ("a pattern", "drop index " + BRIN, declare("index", "core.*", "dropped"),
     f"SCHEMA-INDEXES[{BRIN}]", "is missing on the target"),
    ("foreign key added, but missing", "select 1", declare("foreign_key", FK, "added"),
     DECLARED, "declared added, but is missing"),
    ("foreign key added, but not valid", f"{ADD_FK} not valid", declare("foreign_key", FK, "added"),
     f"SCHEMA-FKS[{FK}]", "is NOT VALID"),
    ("table added, but missing", "select 1", declare("table", "core.own", "added"),
     DECLARED, "declared added, but is missing"),
    ("table added, though the source has it", "select 1", declare("table", "core.kv", "added"),
     DECLARED, "the source or a script creates it"),
    ("table dropped, though it is excluded", "select 1",
     declare("table", "outside.unrelated", "dropped"),
     DECLARED, "the target may do without it; remove the declaration"),
    ("column added, though the source has it", "select 1", declare("column", "core.kv.v", "added"),
     DECLARED, "the source or a script creates it"),
    ("column added of another type", "alter table core.kv add column seen text",
     declare("column", "core.kv.seen", "added", "date"),
     DECLARED, "is declared added, as: date, found: text"),
    ("column changed otherwise", "alter table core.accounts alter column code set not null",
     declare("column", "core.accounts.code", "changed", "text not null"),
     DECLARED, "as: text not null, found: lib.citext not null"),
    ("another value", "alter table core.kv set unlogged",
     declare("table", "core.kv", "changed", property="persistence", value="temporary"),
     "SCHEMA-COLUMNS[core.kv]", "declared changed in persistence, as temporary, found unlogged"),
    ("a property changed into nobody says what", "alter table core.nothing_yet set unlogged",
     declare("table", "core.nothing_yet", "changed"),
     DECLARED, 'add property = "persistence" and value = "unlogged"'),
    ("no such property", "alter table core.kv set unlogged",
     declare("table", "core.kv", "changed", property="logging", value="no"),
     DECLARED, "but it has no such property; it has: access method"),
    ("column changed, never there", "select 1", declare("column", "core.kv.w", "changed", "x"),
     DECLARED, "there is no such column"),
]  # fmt: skip


@pytest.mark.parametrize("batch", in_batches(RED), ids=ids)
def test_wrong_declarations_fail(lab: Lab, batch: list[Row]) -> None:
    run(lab.target, *(row[1] for row in batch))
    lab.declared = tuple(row[2] for row in batch)
    results = lab.judge("schema")
    assert results.unknown == {}
    for name, _, declared, red, says in batch:
        assert red in results.red, name
        reports = lines_about(declared, results.text)
        assert any(says in line for line in reports), (name, results.text)


def test_a_repeated_declaration_fails(lab: Lab) -> None:
    run(lab.target, GUESS)
    lab.declared = (declare("index", "core.guess", "added"),) * 2
    assert "declared 2 times" in lab.judge("schema").red[DECLARED]


def test_contradictory_declarations_fail(lab: Lab) -> None:
    run(lab.target, GUESS)
    lab.declared = tuple(declare("index", "core.guess", c) for c in ("added", "dropped"))
    assert "declared added and dropped" in lab.judge("schema").red[DECLARED]


def test_a_declaration_covers_only_its_own_object(lab: Lab) -> None:
    run(lab.target, GUESS, "create index guess2 on core.kv (v)")
    lab.declared = (declare("index", "core.guess", "added", GUESS),)
    judged = lab.judge("schema")
    assert set(judged.red) == {"SCHEMA-INDEXES-EXTRA[core.kv]"}
    assert "core.guess2" in judged.text


def test_a_declaration_covers_only_its_own_property(lab: Lab) -> None:
    run(
        lab.target,
        "delete from core.kv where v is null",
        "alter table core.kv alter v set not null, alter v type varchar(200000)",
    )
    lab.declared = (declare("column", "core.kv.v", "changed", property="not null", value="yes"),)
    judged = lab.judge("schema")
    assert judged.red.keys() == {"SCHEMA-COLUMNS[core.kv]"}
    assert [f.message for f in judged.findings] == [
        "column core.kv.v differs: type: expected text, found character varying(200000)"
    ]
