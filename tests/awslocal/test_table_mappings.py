"""The mover's own reading of mapping rules."""

import json
from typing import Any

import pytest
from awslocal.rig import include, rule, transform
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.awslocal.dms_api.table_mappings import Routes, matches_pattern, parse
from pgcutover.awslocal.mapping.catalog import SourceTable
from pgcutover.awslocal.mapping.table_plan import select_tables
from pgcutover.awslocal.task.errors import TaskFailed

SPECIAL = "%_[]"


def routes(*rules: dict[str, Any]) -> Routes:
    return parse(json.dumps({"rules": rules}))


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        ("%", ["", "a", "a.b\n"], []),
        ("a_c", ["abc", "a_c"], ["ac", "abbc"]),
        ("a[_]c", ["a_c"], ["abc"]),
        ("[ab]x", ["ax", "bx"], ["cx", "abx"]),
        ("t[a-c0-9]", ["tb", "t7"], ["td", "t-"]),
        ("a.c", ["a.c"], ["abc"]),
        ("A%", ["Ab"], ["ab"]),
        ("[", ["["], ["a"]),
        ("^$", ["^$"], [""]),
        ("[^a]", ["^", "a"], ["b"]),
    ],
)
def test_wildcards(pattern: str, fits: list[str], fails: list[str]) -> None:
    assert [name for name in fits if not matches_pattern(pattern, name)] == []
    assert [name for name in fails if matches_pattern(pattern, name)] == []


@given(st.text(st.characters(exclude_characters=SPECIAL, exclude_categories=["Cs"])))
def test_a_plain_name_fits_itself_alone(name: str) -> None:
    assert matches_pattern(name, name)
    assert not matches_pattern(name, name + "x")


def test_exclusion_outweighs_inclusion_wherever_it_stands() -> None:
    exclude = {**include(1, table="log%"), "rule-action": "exclude"}
    found = routes(exclude, include(2))
    assert found.selects(("public", "users"))
    assert not found.selects(("public", "log_1"))
    assert not found.selects(("other", "users"))


def test_an_explicit_name_is_no_pattern() -> None:
    found = routes({**include(1, table="user_roles"), "rule-action": "explicit"})
    assert found.selects(("public", "user_roles"))
    assert not found.selects(("public", "userXroles"))


@pytest.mark.parametrize(
    ("action", "value", "old", "expected"),
    [
        ("rename", "x", None, "x"),
        ("convert-lowercase", None, None, "users"),
        ("convert-uppercase", None, None, "USERS"),
        ("add-prefix", "p_", None, "p_Users"),
        ("add-suffix", "_s", None, "Users_s"),
        ("remove-prefix", "Us", None, "ers"),
        ("remove-suffix", "ers", None, "Us"),
        ("remove-suffix", "x", None, "Users"),
        ("replace-prefix", "Lo", "Us", "Loers"),
        ("replace-suffix", "e", "ers", "Use"),
        ("replace-suffix", "e", "zzz", "Users"),
    ],
)
@pytest.mark.parametrize("target", ["schema", "table", "column"])
def test_renames(target: str, action: str, value: str, old: str, expected: str) -> None:
    change = transform(2, target, action, value, table="%", column="%")
    if old:
        change["old-value"] = old
    if target == "schema":
        change["object-locator"] = {"schema-name": "Users"}
    else:
        change["object-locator"]["schema-name"] = "%"
    found = routes(include(1, schema="%"), change)
    got = {
        "schema": found.target(("Users", "t"))[0],
        "table": found.target(("s", "Users"))[1],
        "column": found.column(("s", "t"), "Users"),
    }
    assert got[target] == expected


def test_a_schema_rule_may_move_a_single_table() -> None:
    found = routes(include(1), transform(2, "schema", "rename", "auth", table="users"))
    assert found.target(("public", "users")) == ("auth", "users")
    assert found.target(("public", "visits")) == ("public", "visits")


def test_two_changes_of_one_object_are_refused() -> None:
    found = routes(
        include(1),
        transform(2, "table", "rename", "a", table="t"),
        transform(3, "table", "add-suffix", "b", table="%"),
    )
    with pytest.raises(Exception, match="ruleId = 3 failed validation"):
        found.target(("public", "t"))


def test_lob_settings_of_one_table() -> None:
    def lob(number: int, table: str, setting: dict[str, Any]) -> dict[str, Any]:
        locator = {"schema-name": "public", "table-name": table}
        members: dict[str, Any] = {
            "rule-type": "table-settings",
            "object-locator": locator,
            "lob-settings": setting,
        }
        return rule(number, **members)

    found = routes(
        include(1),
        lob(2, "big", {"mode": "unlimited"}),
        lob(3, "small", {"mode": "limited", "bulk-max-size": "16"}),
    )
    limits = [found.lob_limit(("public", name), 32) for name in ("big", "small", "other")]
    assert limits == [None, 16, 32]


def test_tables_that_would_become_one_are_refused() -> None:
    tables = [SourceTable(n, ("public", t), "r", "p", "d", 0, ()) for n, t in enumerate("ab")]
    both = routes(include(1), transform(2, "table", "rename", "x", table="%"))
    with pytest.raises(TaskFailed, match=r"public\.a and public\.b both become public\.x"):
        select_tables(tables, both)


def test_the_greatest_load_order_loads_first() -> None:
    tables = [SourceTable(n, ("public", t), "r", "p", "d", 0, ()) for n, t in enumerate("abc")]
    ordered = routes(include(1), {**include(2, table="c"), "load-order": "2"})
    assert [t.name[1] for t in select_tables(tables, ordered)] == ["c", "a", "b"]
