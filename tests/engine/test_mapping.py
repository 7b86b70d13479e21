"""The mapping rules decide scope and names, or refuse."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.errors import ConfigError
from pgcutover.mapping import RelationName, parse_rules

USERS = RelationName("public", "users")
ROLES = RelationName("public", "user_roles")
TABLES = {USERS: ("id", "Email"), ROLES: ("user_id", "role")}


def selection(schema="public", table="%", action="include", **more):
    locator = {"schema-name": schema, "table-name": table}
    return {
        "rule-type": "selection",
        "rule-id": "1",
        "rule-name": f"{action} {table}",
        "object-locator": locator,
        "rule-action": action,
        **more,
    }


def change(target, action, value=None, old=None, schema="public", table="users", column=None):
    locator = {"schema-name": schema, "table-name": table}
    if column is not None:
        locator["column-name"] = column
    rule = {
        "rule-type": "transformation",
        "rule-id": "9",
        "rule-name": "change",
        "rule-target": target,
        "object-locator": locator,
        "rule-action": action,
    }
    return {**rule, **({"value": value} if value else {}), **({"old-value": old} if old else {})}


def resolve(*rules, tables=TABLES):
    return {str(t.source): t for t in parse_rules({"rules": list(rules)}, "m.json").resolve(tables)}


def test_everything_selected_keeps_its_name():
    mapped = resolve(selection())
    assert {s: str(t.target) for s, t in mapped.items()} == {
        "public.users": "public.users",
        "public.user_roles": "public.user_roles",
    }
    assert mapped["public.users"].columns == (("id", "id"), ("Email", "Email"))


def test_single_table_moves_to_another_schema():
    mapped = resolve(selection(), change("schema", "rename", "auth"))
    assert str(mapped["public.users"].target) == "auth.users"
    assert str(mapped["public.user_roles"].target) == "public.user_roles"


def test_exclude_wins_over_include():
    assert list(resolve(selection(), selection(table="user_roles", action="exclude"))) == [
        "public.users"
    ]


@pytest.mark.parametrize(
    ("action", "value", "old", "name", "expected"),
    [
        ("rename", "people", None, "users", "people"),
        ("convert-uppercase", None, None, "users", "USERS"),
        ("convert-lowercase", None, None, "Users", "users"),
        ("add-prefix", "kgc_", None, "users", "kgc_users"),
        ("remove-prefix", "us", None, "users", "ers"),
        ("replace-prefix", "x", "us", "users", "xers"),
        ("add-suffix", "_v2", None, "users", "users_v2"),
        ("remove-suffix", "rs", None, "users", "use"),
        ("replace-suffix", "ful", "rs", "users", "useful"),
    ],
)
def test_each_action_renames(action, value, old, name, expected):
    tables = {RelationName("public", name): ("id",)}
    mapped = resolve(selection(), change("table", action, value, old, table=name), tables=tables)
    assert mapped[f"public.{name}"].target.name == expected


def test_columns_are_renamed_and_removed():
    users = resolve(
        selection(),
        change("column", "convert-lowercase", column="Email"),
        change("column", "remove-column", column="id"),
    )["public.users"]
    assert users.columns == (("Email", "email"),)
    assert users.removed_columns == ("id",)


def test_removed_and_renamed_column_is_not_both():
    with pytest.raises(ConfigError, match="matches nothing"):
        resolve(selection(), change("column", "rename", "x", column="missing"))


TWO_SCHEMAS = {RelationName("app", "a"): ("id",), RelationName("core", "b"): ("id",)}


def whole_schema(name, value):
    return change("schema", "rename", value, schema=name, table="%")


@pytest.mark.parametrize(
    "changes",
    [
        [whole_schema("app", "core")],
        [whole_schema("app", "x"), whole_schema("core", "x")],
        [
            change("schema", "add-prefix", "x", schema="app", table="%"),
            whole_schema("core", "xapp"),
        ],
    ],
    ids=["onto one that stays", "both onto a third", "by a prefix"],
)
def test_two_schemas_do_not_become_one(changes):
    with pytest.raises(ConfigError, match="schemas app and core of the source both become"):
        resolve(selection("%"), *changes, tables=TWO_SCHEMAS)


def test_schemas_may_trade_names_and_single_tables_may_move_into_another():
    traded = [whole_schema("app", "core"), whole_schema("core", "app")]
    mapped = resolve(selection("%"), *traded, tables=TWO_SCHEMAS)
    assert {s: str(t.target) for s, t in mapped.items()} == {"app.a": "core.a", "core.b": "app.b"}
    moved = change("schema", "rename", "core", schema="app", table="a")
    assert str(resolve(selection("%"), moved, tables=TWO_SCHEMAS)["app.a"].target) == "core.a"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([selection(table="patients")], "selects public.patients, which the source does not have"),
        ([selection(action="exclude")], "no selection rule includes anything"),
        ([selection(filters=[{"filter-type": "source"}])], "filters would leave rows behind"),
        ([selection(), {"rule-type": "selectoin"}], "rule-type 'selectoin' is not understood"),
        ([selection(), change("table", "add-column", "x")], "'add-column' of a table"),
        ([selection(), change("table", "rename")], "rename needs a value"),
        ([selection(), change("table", "replace-prefix", "x")], "needs an old-value"),
        ([selection(), change("table", "rename", "user_roles")], "both become public.user_roles"),
        (
            [selection(), change("column", "rename", "id", column="Email")],
            "columns of public.users",
        ),
        (
            [selection(), *[change("table", "rename", v) for v in "ab"]],
            "both rename the same table",
        ),
        ([selection(), change("table", "rename", "x", table="gone")], "has no effect"),
        ([7], "rule 1: expected an object, found int"),
    ],
)
def test_refuses_what_would_silently_change_scope(rules, expected):
    with pytest.raises(ConfigError, match=re.escape(expected)):
        resolve(*rules)


def test_refuses_a_document_that_is_no_mapping():
    with pytest.raises(ConfigError, match="expected an object"):
        parse_rules([], "m.json")


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(names, names)
def test_a_literal_name_selects_itself_whatever_it_holds(schema, table):
    tables = {RelationName(schema, table): ("id",)}
    assert len(resolve(selection(schema, table), tables=tables)) == 1


@given(st.text("ab_%", min_size=1, max_size=6), st.text("ab_", min_size=1, max_size=6))
def test_wildcards_match_like_sql_like(pattern, name):
    expected = bool(re.fullmatch(pattern.replace("%", ".*").replace("_", "."), name))
    rules = parse_rules({"rules": [selection(table=pattern)]}, "m.json")
    assert rules.selects(RelationName("public", name)) == expected


@pytest.mark.parametrize(
    ("pattern", "name", "hit"), [("a[_]b", "a_b", 1), ("a[_]b", "axb", 0), ("[!a]b", "cb", 1)]
)
def test_bracketed_wildcards(pattern, name, hit):
    rules = parse_rules({"rules": [selection(table=pattern)]}, "m.json")
    assert rules.selects(RelationName("public", name)) is bool(hit)
