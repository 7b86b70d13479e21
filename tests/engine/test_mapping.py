"""Test that mapping rules decide which tables are included and their names, or are refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.errors import ConfigError
from pgcutover.mapping import LeftOut, RelationName, parse_rules

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


VIEWS = {"schema-name": "public", "table-name": "%", "table-type": "all"}


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


def test_schemas_can_swap_names_and_tables_can_change_schema():
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
        ([selection(filters=[{"filter-type": "source"}])], "filters are not supported"),
        ([selection(), {"rule-type": "selectoin"}], "unknown rule-type 'selectoin'"),
        ([selection(), change("table", "drop-column", "x")], "unknown rule-action 'drop-column'"),
        ([selection(), {"rule-type": "object-mapping"}], "targets that are not PostgreSQL"),
        ([selection(fliters=[])], "unknown key 'fliters'; did you mean 'filters'?"),
        ([selection(action="explicit")], "explicit selects one table"),
        ([selection(**{"object-locator": VIEWS})], "table-type 'all' is not supported"),
        ([selection(), change("index-tablespace", "rename", "x")], "is for Oracle only"),
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
def test_refuses_rules_that_silently_change_the_scope(rules, expected):
    with pytest.raises(ConfigError, match=re.escape(expected)):
        resolve(*rules)


@pytest.mark.parametrize(
    ("action", "remedy"),
    [
        ("add-column", "add the column, with a default"),
        ("change-data-type", "DMS converts values to the type that the column has on the target"),
        ("define-primary-key", "in a script of pre-load"),
        ("include-column", "in rules with remove-column instead"),
        ("add-before-image-columns", "targets that are not PostgreSQL"),
        ("data-masking-digits-mask", "mask them on the target after the cutover"),
        ("data-masking-digits-randomize", "mask them on the target after the cutover"),
        ("data-masking-hash-mask", "mask them on the target after the cutover"),
    ],
)
def test_a_documented_action_that_is_not_supported_is_refused_with_its_remedy(action, remedy):
    rule = change("column", action, "x", column="Email") | {"expression": "$id", "data-type": {}}
    with pytest.raises(ConfigError, match=re.escape(f"{action!r} is not supported")) as caught:
        resolve(selection(), rule)
    assert remedy in str(caught.value)


def test_explicit_takes_a_name_as_it_is_written():
    rules = parse_rules({"rules": [selection(table="user_roles", action="explicit")]}, "m.json")
    assert rules.selects(ROLES)
    assert not rules.selects(RelationName("public", "userXroles"))


def test_load_order_and_table_settings_change_no_scope():
    settings = {
        "rule-type": "table-settings",
        "rule-id": "2",
        "rule-name": "2",
        "object-locator": {"schema-name": "public", "table-name": "users"},
        "lob-settings": {"mode": "unlimited"},
        "parallel-load": {"type": "ranges"},
    }
    assert len(resolve(selection(**{"load-order": "2"}), settings)) == 2


def test_excluded_objects_are_listed_with_their_rule():
    rules = parse_rules(
        {
            "rules": [
                selection(),
                selection(table="user[_]%", action="exclude"),
                change("table", "rename", "people"),
                change("column", "remove-column", column="E%"),
            ]
        },
        "m.json",
    )
    assert rules.left_out(TABLES, rules.resolve(TABLES)) == (
        LeftOut(
            "public.user_roles",
            None,
            "not moved: excluded by m.json: rule 2 (rule-name exclude user[_]%)",
        ),
        LeftOut(
            "public.people", "Email", "not moved: removed by m.json: rule 4 (rule-name change)"
        ),
    )


def named(*names):
    return tuple(RelationName("public", name) for name in names)


EVENTS, OLD, NEW, NEWEST = named("ev", "ev_2024", "ev_2025", "ev_2025_12")
PARTITIONED = {EVENTS: ("id", "note"), USERS: ("id",)}
PARTITIONS = {EVENTS: [(OLD,), (NEW, NEWEST)]}
WITHOUT_PARENT = (
    selection(table="ev[_]20%"),
    selection(table="users"),
    selection(table="ev", action="exclude"),
)


def resolve_partitions(*rules):
    found = parse_rules({"rules": list(rules)}, "m.json").resolve(PARTITIONED, PARTITIONS)
    return {str(t.source): t for t in found}


def test_partitions_selected_by_name_are_mapped_as_their_table():
    mapped = resolve_partitions(*WITHOUT_PARENT)
    assert set(mapped) == {"public.ev", "public.users"}
    assert mapped["public.ev"].partitions == (OLD, NEW)
    assert str(mapped["public.ev"].target) == "public.ev"
    assert resolve_partitions(selection())["public.ev"].partitions == ()


def test_rules_of_partitions_apply_to_their_table():
    moved = change("schema", "rename", "log", table="ev%")
    removed = change("column", "remove-column", table="ev[_]20%", column="note")
    events = resolve_partitions(*WITHOUT_PARENT, moved, removed)["public.ev"]
    assert (str(events.target), events.removed_columns) == ("log.ev", ("note",))
    rules = parse_rules({"rules": [*WITHOUT_PARENT, moved, removed]}, "m.json")
    (left,) = rules.left_out(PARTITIONED, rules.resolve(PARTITIONED, PARTITIONS))
    assert (left.table, left.column) == ("log.ev", "note")


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (
            [selection(table="ev_2024"), selection(table="users")],
            "select partition public.ev_2024 of public.ev, but not public.ev_2025_12; partitions",
        ),
        (
            [*WITHOUT_PARENT, change("column", "rename", "x", table="ev_2024", column="note")],
            "change their columns differently",
        ),
        ([selection(table="ev[_]19%")], "which the source does not have"),
    ],
)
def test_partitions_that_cannot_be_compared_as_their_table_are_refused(rules, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        resolve_partitions(*rules)


def test_refuses_a_document_that_is_no_mapping():
    with pytest.raises(ConfigError, match="expected an object"):
        parse_rules([], "m.json")


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(names, names)
def test_an_escaped_name_selects_only_itself(schema, table):
    tables = {RelationName(schema, table): ("id",)}
    assert len(resolve(selection(schema, table), tables=tables)) == 1


@given(st.text("ab_%", min_size=1, max_size=6), st.text("ab_", min_size=1, max_size=6))
def test_wildcards_match_like_sql_like(pattern, name):
    expected = bool(re.fullmatch(pattern.replace("%", ".*").replace("_", "."), name))
    rules = parse_rules({"rules": [selection(table=pattern)]}, "m.json")
    assert rules.selects(RelationName("public", name)) == expected


@pytest.mark.parametrize(
    ("pattern", "name", "hit"),
    [
        ("a[_]b", "a_b", 1),
        ("a[_]b", "axb", 0),
        ("t[ab]", "tb", 1),
        ("t[ab]", "tc", 0),
        ("t[a-d]", "tc", 1),
        ("t[a-d]", "t-", 0),
        ("t[a-d]", "te", 0),
        ("t[0-9a]%", "t7x", 1),
    ],
)
def test_bracketed_wildcards(pattern, name, hit):
    rules = parse_rules({"rules": [selection(table=pattern)]}, "m.json")
    assert rules.selects(RelationName("public", name)) is bool(hit)
