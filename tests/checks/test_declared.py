"""A declared difference must be there as declared, be needed, and be of one exact object."""

import pytest
from compare.lab import Lab, run

from pgcutover.config.differences import DeclaredDifference

DECLARED = "SCHEMA-DECLARED[*]"


def declare(kind: str, name: str, change: str, definition: str | None = None) -> DeclaredDifference:
    return DeclaredDifference(kind, name, change, "on purpose", definition)


BRIN = "core.customers_created_brin"
BTREE = "create index customers_created_brin on core.customers using btree (created_at)"
TO_BTREE = f"drop index {BRIN}; {BTREE}"
GUESS = "create index guess on core.kv using btree (v)"
PART = "CREATE INDEX events_id ON ONLY core.events USING btree (id)"
FK = "core.aliases.fk_extra"
ADD_FK = (
    "alter table core.aliases add constraint fk_extra foreign key (alias) references core.kv(k)"
)

GREEN = [
    ("index added", GUESS, declare("index", "core.guess", "added", GUESS)),
    ("index added, whatever it is", GUESS, declare("index", "core.guess", "added")),
    ("index of a partitioned table added", PART.replace("ONLY ", ""),
     declare("index", "core.events_id", "added", PART)),
    ("index changed", TO_BTREE, declare("index", BRIN, "changed", BTREE)),
    ("index dropped", f"drop index {BRIN}", declare("index", BRIN, "dropped")),
    ("foreign key dropped", "alter table core.ledger drop constraint ledger_account_id_fkey",
     declare("foreign_key", "core.ledger.ledger_account_id_fkey", "dropped")),
    ("foreign key changed",
     "alter table core.ledger drop constraint ledger_account_id_fkey;"
     "alter table core.ledger add constraint ledger_account_id_fkey foreign key (account_id)"
     " references core.accounts on delete cascade",
     declare("foreign_key", "core.ledger.ledger_account_id_fkey", "changed",
             "foreign key (account_id) references core.accounts(id) on delete cascade")),
    ("table added", "create table core.own (id int)", declare("table", "core.own", "added")),
    ("column added", "alter table core.kv add column seen date",
     declare("column", "core.kv.seen", "added", "date")),
    ("column changed", "alter table core.accounts alter column code set not null",
     declare("column", "core.accounts.code", "changed", "lib.citext not null")),
    ("column dropped", "alter table core.kv drop column v",
     declare("column", "core.kv.v", "dropped")),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "statement", "declared"), GREEN, ids=[g[0] for g in GREEN])
def test_what_is_declared_is_no_finding(lab: Lab, _name, statement, declared) -> None:
    run(lab.target, statement)
    assert lab.judge("schema").red
    lab.declared = (declared,)
    judged = lab.judge()
    assert (judged.red, judged.unknown) == ({}, {})


RED = [
    ("added, but missing", "select 1", declare("index", "core.guess", "added"),
     "SCHEMA-INDEXES[core.guess]", "declared added but is missing"),
    ("added otherwise", GUESS.replace("(v)", "(k)"), declare("index", "core.guess", "added", GUESS),
     "SCHEMA-INDEXES[core.guess]", "is declared as: create index guess"),
    ("added, but invalid", f"{GUESS}; update pg_index set indisvalid = false"
     " where indexrelid = 'core.guess'::regclass", declare("index", "core.guess", "added", GUESS),
     "SCHEMA-INDEXES[core.guess]", "is not valid"),
    ("added, though the source has it", "select 1", declare("index", BRIN, "added"),
     f"SCHEMA-INDEXES[{BRIN}]", "the source has it; remove the declaration"),
    ("changed, though both agree", "select 1", declare("index", BRIN, "changed", BTREE),
     f"SCHEMA-INDEXES[{BRIN}]", "source and target agree; remove the declaration"),
    ("changed into something else", TO_BTREE.replace("(created_at)", "(created_at, id)"),
     declare("index", BRIN, "changed", BTREE), f"SCHEMA-INDEXES[{BRIN}]", "is declared as:"),
    ("changed into nobody says what", TO_BTREE, declare("index", BRIN, "changed"),
     f"SCHEMA-INDEXES[{BRIN}]", "without saying into what"),
    ("changed, but missing", f"drop index {BRIN}", declare("index", BRIN, "changed", BTREE),
     f"SCHEMA-INDEXES[{BRIN}]", "declared changed but is missing"),
    ("dropped, but there", "select 1", declare("index", BRIN, "dropped"),
     f"SCHEMA-INDEXES[{BRIN}]", "declared dropped but is on the target"),
    ("dropped, but never there", "select 1", declare("index", "core.nothing", "dropped"),
     DECLARED, "there is no such index"),
    ("changed, but never there", "select 1", declare("index", "core.nothing", "changed", BTREE),
     DECLARED, "there is no such index"),
    ("a pattern", "drop index " + BRIN, declare("index", "core.%", "dropped"),
     DECLARED, "there is no such index"),
    ("foreign key added, but missing", "select 1", declare("foreign_key", FK, "added"),
     f"SCHEMA-FKS[{FK}]", "declared added but is missing"),
    ("foreign key added, but not valid", f"{ADD_FK} not valid", declare("foreign_key", FK, "added"),
     f"SCHEMA-FKS[{FK}]", "is NOT VALID"),
    ("table added, but missing", "select 1", declare("table", "core.own", "added"),
     DECLARED, "declared added but is missing"),
    ("table added, though the source has it", "select 1", declare("table", "core.kv", "added"),
     DECLARED, "the source has it"),
    ("table changed", "select 1", declare("table", "core.kv", "changed"),
     DECLARED, "is excluded by a selection rule"),
    ("column added, though the source has it", "select 1", declare("column", "core.kv.v", "added"),
     DECLARED, "there is no such column"),
    ("column added of another type", "alter table core.kv add column seen text",
     declare("column", "core.kv.seen", "added", "date"),
     "SCHEMA-COLUMNS[core.kv]", "is declared as date, found text"),
    ("column changed, though both agree", "select 1",
     declare("column", "core.kv.v", "changed", "x"), "SCHEMA-COLUMNS[core.kv]",
     "source and target agree; remove the declaration"),
    ("column changed otherwise", "alter table core.accounts alter column code set not null",
     declare("column", "core.accounts.code", "changed", "text not null"),
     "SCHEMA-COLUMNS[core.accounts]", "is declared as text not null, found lib.citext not null"),
    ("column changed, never there", "select 1", declare("column", "core.kv.w", "changed", "x"),
     DECLARED, "there is no such column"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("_name", "statement", "declared", "red", "says"), RED, ids=[r[0] for r in RED]
)
def test_a_declaration_that_is_wrong_is_red(
    lab: Lab, _name, statement, declared, red, says
) -> None:
    run(lab.target, statement)
    lab.declared = (declared,)
    judged = lab.judge("schema")
    assert says in judged.red[red]


def test_a_declaration_made_twice_is_red(lab: Lab) -> None:
    run(lab.target, GUESS)
    lab.declared = (declare("index", "core.guess", "added"),) * 2
    assert "declared 2 times" in lab.judge("schema").red[DECLARED]


def test_a_declaration_excuses_its_own_object_alone(lab: Lab) -> None:
    run(lab.target, GUESS, "create index guess2 on core.kv (v)")
    lab.declared = (declare("index", "core.guess", "added", GUESS),)
    judged = lab.judge("schema")
    assert set(judged.red) == {"SCHEMA-INDEXES-EXTRA[core.kv]"}
    assert "core.guess2" in judged.text
