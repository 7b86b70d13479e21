"""Test that excluded tables, columns and tolerances are listed, and hide no other difference."""

import json

from plugin.conftest import MAPPING


def map_with(migration, *rules):
    named = [
        {"rule-id": str(n), "rule-name": f"rule {n}", **rule} for n, rule in enumerate(rules, 2)
    ]
    rules = {"rules": [*MAPPING["rules"], *named]}
    (migration.folder / "mapping.json").write_text(json.dumps(rules))


def selection(action, table):
    locator = {"schema-name": "public", "table-name": table}
    return {"rule-type": "selection", "rule-action": action, "object-locator": locator}


def removal(table, column):
    locator = {"schema-name": "public", "table-name": table, "column-name": column}
    return {
        "rule-type": "transformation",
        "rule-target": "column",
        "rule-action": "remove-column",
        "object-locator": locator,
    }


def test_excluded_tables_and_columns_are_listed(migration):
    map_with(migration, removal("people", "name"), selection("exclude", "visits"))
    (migration.folder / "migration.toml").open("a").write(
        """
[[tables."public.people".tolerate]]
column = "born"
reason = "clocks"
seconds = 1
"""
    )
    migration.on_target("update public.people set name = 'x' where id = 1")
    outcome = migration.gate(checks=("pgcutover.checks.load",))
    listed = [(e["table"], e["column"], e["reason"]) for e in outcome.document["not_proven"]]
    assert listed == [
        ("public.visits", None, "not moved: excluded by mapping.json: rule 3 (rule-name rule 3)"),
        ("public.people", "name", "not moved: removed by mapping.json: rule 2 (rule-name rule 2)"),
        ("public.people", "born", "compared within seconds 1, not exactly: clocks"),
    ]
    for words in ("public.people.name: not moved: removed by", "public.visits: not moved: exclu"):
        assert f"not proven  {words}" in outcome.text
    page = (outcome.out / "signoff.html").read_text()
    assert "<code>public.visits</code></th><td>the whole table" in page
    assert "<code>public.people</code></th><td><code>name</code>" in page


EVENTS = """
create table public.ev (id int, d date, v text, primary key (id, d)) partition by range (d);
create table public.ev_2024 partition of public.ev
  for values from ('2024-01-01') to ('2025-01-01');
create table public.ev_2025 partition of public.ev
  for values from ('2025-01-01') to ('2225-01-01');
insert into public.ev select g, date '2024-01-01' + g, 'v' from generate_series(1, 700) g;
"""


def test_a_fault_in_a_partition_selected_by_name_is_found(migration):
    migration.on_source(EVENTS)
    migration.on_target(EVENTS)
    rules = [
        selection("include", "ev[_]20%"),
        selection("exclude", "ev"),
    ]
    map_with(migration, *rules)
    load = ("pgcutover.checks.load",)
    clean = migration.gate(checks=load)
    assert clean.verdicts("DATA-ROWS")["public.ev"] == "PASS"
    assert clean.document["not_proven"] == []
    migration.on_target("delete from public.ev where id = 7")
    migration.on_target("update public.ev set v = 'x' where id = 490")
    damaged = migration.gate(checks=load)
    assert damaged.verdicts("DATA-ROWS")["public.ev"] == "FAIL"
    assert damaged.verdicts("DATA-COUNTS")["public.ev"] == "FAIL"


def test_a_table_that_is_excluded_may_be_absent_on_the_target(migration):
    migration.on_source("create table public.tmp_x (id int primary key)")
    map_with(migration, selection("exclude", "tmp[_]%"))
    outcome = migration.gate()
    assert outcome.verdict == "PASS", outcome.text
    assert [e["table"] for e in outcome.document["not_proven"]] == ["public.tmp_x"]


def test_a_column_that_is_removed_may_be_absent_on_the_target(migration):
    migration.on_source("alter table public.people add secret text default 's'")
    map_with(migration, removal("people", "secret"))
    outcome = migration.gate()
    assert outcome.verdict == "PASS", outcome.text
    listed = [(e["table"], e["column"]) for e in outcome.document["not_proven"]]
    assert listed == [("public.people", "secret")]


def test_partitions_that_are_selected_by_name_pass_the_whole_gate(migration):
    migration.on_source(EVENTS)
    migration.on_target(EVENTS)
    map_with(migration, selection("exclude", "ev"), selection("include", "ev[_]20%"))
    outcome = migration.gate()
    assert outcome.verdict == "PASS", outcome.text
