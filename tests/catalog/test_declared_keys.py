"""Test a declared foreign key: it must be needed, as defined, valid and without orphans."""

import pytest
from compare.lab import Lab, run

from pgcutover.config.differences import DeclaredDifference

KEY = "core.ledger.ledger_account_id_fkey"
NOW = "foreign key (account_id) references core.accounts(id) on delete cascade"
CHANGE = (
    "alter table core.ledger drop constraint ledger_account_id_fkey, add constraint"
    " ledger_account_id_fkey foreign key (account_id) references core.accounts on delete cascade"
)
OFF = "alter table core.ledger disable trigger all"
MORE = "core.order_items.fk_more"
ADD = (
    "alter table core.order_items add constraint fk_more"
    " foreign key (order_id) references sales.purchases"
)
ORPHAN = (
    "set session_replication_role = replica;"
    " update core.order_items set order_id = 99999 where order_id = 500 and line = 3"
)
OWN, DECLARED = f"SCHEMA-FKS[{KEY}]", "SCHEMA-DECLARED[*]"


def declare(name: str, change: str, definition: str | None = None) -> DeclaredDifference:
    return DeclaredDifference("foreign_key", name, change, "a reason", definition)


@pytest.mark.parametrize(
    ("declared", "statement", "red", "says"),
    [
        (declare(KEY, "changed", NOW), "select 1", {DECLARED}, "expected and found agree"),
        (
            declare(KEY, "changed", NOW),
            CHANGE.replace("cascade", "set null"),
            {OWN, DECLARED},
            "is declared changed, as: foreign key (account_id)",
        ),
        (declare(KEY, "changed", NOW), f"{CHANGE}; {OFF}", {OWN}, "is not enforced"),
        (declare(KEY, "changed"), CHANGE, {OWN, DECLARED}, "without saying into what"),
        (declare(KEY, "dropped"), "select 1", {DECLARED}, "declared dropped, but is on the target"),
        (declare(KEY, "added"), "select 1", {DECLARED}, "the source or a script creates it"),
    ],
)
def test_what_is_declared_wrongly_is_red(lab: Lab, declared, statement: str, red, says) -> None:
    lab.declared = (declared,)
    run(lab.target, statement)
    results = lab.judge()
    assert (results.red.keys(), results.unknown) == (red, {})
    assert says in results.text


def test_orphans_of_a_declared_foreign_key_are_looked_for(lab: Lab) -> None:
    lab.declared = (declare(MORE, "added"),)
    run(lab.target, ADD)
    results = lab.judge()
    assert results.red == {}
    assert f"SCHEMA-FKS[{MORE}]" in results.green
    run(lab.target, ORPHAN)
    assert f"DATA-ORPHANS[{MORE}]" in lab.judge().red
