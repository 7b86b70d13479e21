"""Test that findings name table, column, cause and hashed keys, and never contain a value."""

import re

import pytest
from compare.lab import Lab, run

from pgcutover.errors import UnreadableError

CANARY = "canary-4711"
SECRET = f"secret {CANARY} value"
SOURCE = f"""
set session_replication_role = replica;
insert into app.kv values ('{CANARY}-1', '{SECRET}'), ('{CANARY}-2', '{SECRET}'), ('{CANARY}-3', null);
insert into app.audit_log values ('2025-01-01', '{SECRET}', 'x', '{{"a": "{SECRET}"}}');
insert into app.accounts values (900, '{SECRET}', 1, '{CANARY}');
insert into app.aliases values ('{CANARY}', '{CANARY}');
insert into app.ledger values (900, 900, 1, '{SECRET}', '2025-06-01 06:00:00+00');
update app.typed set t = '{SECRET}', jb = '{{"{CANARY}": 1}}', ta = array['{SECRET}'],
    comp = row('{SECRET}', null)::lib.address, x = '<a>{CANARY}</a>', by = '{CANARY}' where id = 1;
"""  # noqa: E501 - one statement a line
COPY = SOURCE.replace("app.", "core.")
DAMAGE = f"""
set session_replication_role = replica;
update core.kv set v = left(v, 15) where k = '{CANARY}-1';
update core.kv set v = '{CANARY} where there was NULL' where k = '{CANARY}-3';
delete from core.kv where k = '{CANARY}-2';
insert into core.kv values ('{CANARY}-4', '{SECRET}');
update core.audit_log set who = '{CANARY}!' where who = '{SECRET}';
delete from core.accounts where id = 900;
update core.ledger set idem = '{CANARY}' where id = 900;
update core.typed set t = upper(t), jb = '{{"{CANARY}": 2}}', ta = array['{CANARY}', null],
    comp = row('{CANARY}', '{CANARY}')::lib.address, x = '<a>{CANARY}!</a>',
    by = '{CANARY}!' where id = 1;
"""


@pytest.fixture
def lab_results(own_lab: Lab):
    run(own_lab.source, SOURCE)
    run(own_lab.target, COPY)
    assert own_lab.judge().red == {}
    run(own_lab.target, DAMAGE)
    return own_lab.judge()


def test_no_output_contains_a_value_or_a_key(lab_results) -> None:
    assert lab_results.red.keys() == {
        *(f"DATA-ROWS[core.{t}]" for t in ("kv", "audit_log", "accounts", "ledger", "typed")),
        "DATA-COUNTS[core.accounts]",
        "DATA-RECENT[core.ledger]",
        "DATA-ORPHANS[core.aliases.aliases_code_fkey]",
        "DATA-ORPHANS[core.ledger.ledger_account_id_fkey]",
    }
    output = lab_results.text
    assert "canary" not in output.lower()
    for hidden in ("4711", "secret", "900,", b"canary".hex(), "there was NULL"):
        assert hidden not in output, hidden


def test_findings_name_table_column_cause_and_hashed_keys(lab_results) -> None:
    found = {(f.object, f.kind): f for f in lab_results.findings if f.evidence.get("key_hashes")}
    changed = found["core.kv", "rows changed"]
    assert changed.evidence["count"] == len(changed.evidence["key_hashes"]) == 2
    assert changed.evidence["columns"] == {"v": "NULL and values mixed up"}
    assert found["core.typed", "rows changed"].evidence["columns"] == {
        "by": "values differ",
        "comp": "values differ",
        "jb": "values differ",
        "t": "letter case differs",
        "ta": "values differ",
        "x": "values differ",
    }
    orphans = found["core.aliases.aliases_code_fkey", "orphans"]
    assert orphans.evidence["count"] == 1
    for finding in found.values():
        assert all(re.fullmatch("[0-9a-f]{16}", h) for h in finding.evidence["key_hashes"])
        assert finding.evidence["key_hashes"][0] in finding.message


def test_a_key_has_the_same_hash_in_all_findings_of_its_table(lab_results) -> None:
    hashes = {(f.object, f.kind): f.evidence.get("key_hashes") for f in lab_results.findings}
    assert len({*hashes["core.kv", "rows changed"], *hashes["core.kv", "rows missing"]}) == 3


def test_a_value_that_breaks_a_comparison_is_not_quoted(lab: Lab) -> None:
    """PostgreSQL's errors quote values; the gate reports only class and SQLSTATE."""
    manifest = lab.manifest()
    run(
        lab.target,
        "create function core.broken(text) returns text language plpgsql as"
        " $$ begin if $1 = 'key-7' then raise exception 'canary-4711 %', $1 using"
        " detail = 'canary-4711'; end if; return $1; end $$",
        "alter table core.kv rename to kv_rows",
        "create view core.kv as select core.broken(k) as k, v from core.kv_rows",
    )
    table = manifest.target_table("core.kv")
    with lab.comparer(manifest) as comparer, pytest.raises(UnreadableError) as raised:
        comparer.rows(table)
    assert "SQLSTATE P0001" in str(raised.value)
    assert "canary" not in str(raised.value)
    assert "key-7" not in str(raised.value)
