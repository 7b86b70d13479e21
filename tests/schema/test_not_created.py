"""Test that objects which the scratch server cannot create are compared with the source."""

import pytest
from compare.lab import rule, rules, run
from support.servers import Databases

from pgcutover.catalog.manifest import mapped_tables
from pgcutover.connect import open_session
from pgcutover.errors import UnreadableError
from pgcutover.schema.compare import differences
from pgcutover.schema.expected.build import Expected, Recipe, expected_schema
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.snapshot import collect_snapshot

SCHEMA = (
    "create schema app",
    "create extension adminpack",  # PostgreSQL 17 has none
    "create table app.plain (id int primary key, name text default 'x')",
    "create table app.uses (id int primary key, n boolean default pg_file_unlink('x'))",
    "create index uses_n on app.uses (n)",
)
EVERYTHING = rules([rule(1, "selection", "include", "app", "%")])
NAMES = [kind.name for kind in KINDS if kind.name != "system_grant"]


def built(databases: Databases, messages: list[str], mapping=EVERYTHING) -> Expected:
    with open_session(databases.source) as source:
        tables = mapped_tables(mapping, source)
    recipe = Recipe(databases.source, databases.target, 17, databases.name, "UTF8", tables)
    return expected_schema(recipe, messages.append)


def found(expected: Expected, dsn: str) -> set[str]:
    with open_session(dsn) as session:
        target = collect_snapshot(session)
    texts = {str(d) for d in differences(expected.snapshot, target, NAMES)}
    # PostgreSQL 15 is the target and has no privilege MAINTAIN
    return {text for text in texts if "MAINTAIN" not in text}


def test_an_extension_that_only_the_scratch_server_lacks(databases: Databases) -> None:
    """The target is the source itself, which has the extension."""
    run(databases.source, *SCHEMA)
    messages: list[str] = []
    expected = built(databases, messages)
    assert found(expected, databases.source) == set()
    (line,) = [text for text in messages if "could not create" in text]
    assert "extension adminpack" in line
    assert "is not available" in line
    run(databases.source, "drop index app.uses_n", "alter table app.plain alter name drop default")
    assert {text.partition(" differs")[0] for text in found(expected, databases.source)} == {
        "index app.uses_n is missing on the target",
        "column app.plain.name",
    }


def test_an_extension_that_the_target_lacks_too_is_missing(databases: Databases) -> None:
    run(databases.source, *SCHEMA[:3])
    run(databases.target, SCHEMA[0], SCHEMA[2])
    assert "extension adminpack is missing on the target" in found(
        built(databases, []), databases.target
    )


def test_an_unknown_language_affects_only_its_functions(databases: Databases) -> None:
    run(
        databases.source,
        *(SCHEMA[0], SCHEMA[2]),
        "create function public.handler() returns language_handler language c"
        " as '$libdir/adminpack', 'pg_file_write'",  # a library that the scratch server lacks
        "create language odd handler public.handler",
        "create function app.odd(int) returns int language odd as 'nothing'",
        "create function app.kept(int) returns int language sql as 'select $1'",
    )
    messages: list[str] = []
    expected = built(databases, messages)
    assert "app.odd(integer)" in " ".join(messages)
    assert {"app.odd(integer)", "app.kept(integer)"} <= expected.snapshot.of_kind("function").keys()
    assert found(expected, databases.source) == set()


def test_views_that_are_not_created_are_unknown_between_majors(databases: Databases) -> None:
    run(databases.source, *SCHEMA, "create view app.v as select pg_file_unlink('x')")
    expected = built(databases, [])
    with open_session(databases.source) as session:
        target = collect_snapshot(session)
    with pytest.raises(UnreadableError, match=r"app\.v cannot be created.*schema\.scratch_dsn_env"):
        differences(expected.snapshot, target, ["view"])
    assert differences(expected.snapshot, target, ["table", "column", "function"]) == ()


def test_a_renamed_table_that_is_not_created_is_reported(databases: Databases) -> None:
    run(databases.source, *SCHEMA)
    renaming = rules(
        [
            rule(1, "selection", "include", "app", "%"),
            rule(2, "transformation", "rename", "app", "uses", rule_target="table", value="used"),
        ]
    )
    with pytest.raises(UnreadableError, match=r"could not create app\.uses, .*, which the mapping"):
        built(databases, [], renaming)
