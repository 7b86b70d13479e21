"""A declared difference excuses exactly what it says, and no more, and not for ever."""

import pytest
from compare.lab import Lab, run

from pgcutover.catalog import DeclaredDifference

ADDED_INDEX = "create index ledger_at_idx on core.ledger (at)"
ADDED_KEY = (
    "alter table core.order_items add constraint fk_more"
    " foreign key (order_id) references sales.purchases"
)
OTHER_INDEX = (
    "drop index core.customers_created_brin;"
    " create index customers_created_brin on core.customers (created_at)"
)
OTHER_KEY = (
    "alter table core.ledger drop constraint ledger_account_id_fkey, add constraint"
    " ledger_account_id_fkey foreign key (account_id) references core.accounts on delete cascade"
)
NOW_INDEX = "CREATE INDEX customers_created_brin ON core.customers USING btree (created_at)"
NOW_KEY = "foreign key (account_id) references core.accounts(id) on delete cascade"
WIDER = "alter table core.ledger alter account_id type bigint"


def says(kind: str, name: str, change: str, definition: str | None = None) -> DeclaredDifference:
    return DeclaredDifference(kind, name, change, "a reason", definition)


ADDED = says("index", "core.ledger_at_idx", "added")
BRIN = "core.customers_created_brin"
FK = "core.ledger.ledger_account_id_fkey"


@pytest.mark.parametrize(
    ("declared", "statement"),
    [
        (ADDED, ADDED_INDEX),
        (
            says("index", "core.ledger_at_idx", "added", "create index ledger_at_idx\non"
                 " core.ledger using btree (at);"),
            ADDED_INDEX,
        ),
        (says("index", BRIN, "dropped"), f"drop index {BRIN}"),
        (says("index", BRIN, "changed", NOW_INDEX), OTHER_INDEX),
        (says("foreign_key", "core.order_items.fk_more", "added"), ADDED_KEY),
        (says("foreign_key", FK, "dropped"), f"alter table core.ledger drop constraint {FK[12:]}"),
        (says("foreign_key", FK, "changed", NOW_KEY), OTHER_KEY),
        (says("column", "core.kv.more", "added"), "alter table core.kv add more int"),
        (says("column", "core.kv.more", "added", "integer"), "alter table core.kv add more int"),
        (says("column", "core.customers.note", "dropped"),
         "alter table core.customers drop note"),
        (says("column", "core.ledger.account_id", "changed", "bigint"), WIDER),
        (says("table", "core.extra", "added"), "create table core.extra (id int)"),
    ],
    ids=lambda value: f"{value.kind} {value.change}" if hasattr(value, "kind") else "",
)  # fmt: skip
def test_what_is_declared_is_green(lab: Lab, declared, statement: str) -> None:
    lab.declared = (declared,)
    run(lab.target, statement)
    judged = lab.judge()
    assert (judged.red, judged.unknown) == ({}, {})


@pytest.mark.parametrize(
    ("declared", "statement", "red", "message"),
    [
        (ADDED, "select 1", "SCHEMA-INDEXES[core.ledger_at_idx]", "is missing on the target"),
        (says("index", "core.ledger_at_idx", "added", "create index ledger_at_idx on core.ledger"
              " using btree (at desc)"), ADDED_INDEX, "SCHEMA-INDEXES[core.ledger_at_idx]",
         "is declared as"),
        (ADDED, ADDED_INDEX + "; create index more on core.ledger (cents)",
         "SCHEMA-INDEXES-EXTRA[core.ledger]", "core.more is on the target alone"),
        (ADDED, ADDED_INDEX + "; update pg_index set indisvalid = false"
         " where indexrelid = 'core.ledger_at_idx'::regclass",
         "SCHEMA-INDEXES[core.ledger_at_idx]", "not valid, ready and live"),
        (says("index", BRIN, "added"), "select 1", f"SCHEMA-INDEXES[{BRIN}]", "the source has it"),
        (says("index", BRIN, "dropped"), "select 1", f"SCHEMA-INDEXES[{BRIN}]",
         "is declared dropped but is on the target"),
        (says("index", BRIN, "changed", NOW_INDEX), "select 1", f"SCHEMA-INDEXES[{BRIN}]",
         "source and target agree"),
        (says("index", BRIN, "changed", NOW_INDEX), f"drop index {BRIN}",
         f"SCHEMA-INDEXES[{BRIN}]", "is missing on the target"),
        (says("index", BRIN, "changed"), OTHER_INDEX, f"SCHEMA-INDEXES[{BRIN}]",
         "without saying into what"),
        (says("foreign_key", FK, "changed", NOW_KEY), "select 1", f"SCHEMA-FKS[{FK}]",
         "source and target agree"),
        (says("foreign_key", FK, "changed", NOW_KEY),
         OTHER_KEY + "; alter table core.ledger disable trigger all", f"SCHEMA-FKS[{FK}]",
         "is not enforced"),
        (says("foreign_key", FK, "dropped"), "select 1", f"SCHEMA-FKS[{FK}]",
         "is declared dropped but is on the target"),
        (says("foreign_key", "core.order_items.fk_more", "added"), ADDED_KEY + " not valid",
         "SCHEMA-FKS[core.order_items.fk_more]", "is NOT VALID"),
        (says("column", "core.kv.more", "added", "bigint"), "alter table core.kv add more int",
         "SCHEMA-COLUMNS[core.kv]", "is declared as bigint, found integer"),
        (says("column", "core.ledger.account_id", "changed", "bigint"), "select 1",
         "SCHEMA-COLUMNS[core.ledger]", "source and target agree"),
        (says("column", "core.customers.note", "dropped"), "select 1",
         "SCHEMA-COLUMNS[core.customers]", "is declared dropped but is on the target"),
        (says("column", "core.kv.more", "added"), "select 1", "SCHEMA-DECLARED[*]",
         "there is no such column"),
        (says("index", "core.ledger_at_idx", "dropped"), "select 1", "SCHEMA-DECLARED[*]",
         "there is no such index"),
        (says("table", "core.extra", "added"), "select 1", "SCHEMA-DECLARED[*]",
         "is missing on the target"),
        (says("table", "core.kv", "changed"), "select 1", "SCHEMA-DECLARED[*]", "is excluded by"),
    ],
)  # fmt: skip
def test_what_is_declared_wrongly_is_red(
    lab: Lab, declared, statement: str, red: str, message: str
) -> None:
    lab.declared = (declared,)
    run(lab.target, statement)
    judged = lab.judge()
    unknown = {i for i in judged.unknown if not i.startswith("DATA-ORPHANS[core.order_items")}
    assert (judged.red.keys(), unknown) == ({red}, set())
    assert message in judged.text


def test_a_declaration_excuses_one_object_and_never_a_pattern(lab: Lab) -> None:
    lab.declared = (says("index", "core.%", "dropped"), says("index", ".*", "dropped"))
    run(lab.target, f"drop index {BRIN}")
    assert lab.judge().red.keys() == {f"SCHEMA-INDEXES[{BRIN}]", "SCHEMA-DECLARED[*]"}


def test_what_is_declared_twice_is_red(lab: Lab) -> None:
    lab.declared = (ADDED, ADDED)
    run(lab.target, ADDED_INDEX)
    judged = lab.judge()
    assert "declared 2 times" in judged.text
    assert "SCHEMA-DECLARED[*]" in judged.red


def test_orphans_of_a_declared_foreign_key_are_looked_for(lab: Lab) -> None:
    lab.declared = (says("foreign_key", "core.order_items.fk_more", "added"),)
    run(
        lab.target,
        ADDED_KEY,
        "set session_replication_role = replica; update core.order_items set order_id = 99999"
        " where order_id = 500 and line = 3",
    )
    assert "DATA-ORPHANS[core.order_items.fk_more]" in lab.judge().red
