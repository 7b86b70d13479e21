"""Test that the expected schema equals what provisioning creates, and leaves nothing behind."""

from pathlib import Path

import psycopg
import pytest
from compare.lab import rule, rules, run
from support.servers import Databases, Pair

import pgcutover.setup
from pgcutover.catalog import read_manifest
from pgcutover.catalog.manifest import mapped_tables
from pgcutover.config import load_rules, load_settings
from pgcutover.connect import open_session
from pgcutover.errors import ConfigError, UnreadableError
from pgcutover.schema.collect import read_schemas
from pgcutover.schema.compare import differences
from pgcutover.schema.expected.build import Expected, Recipe, expected_schema
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.snapshot import collect_snapshot

ROOT = Path(pgcutover.setup.__path__[0]).parent
MOVED = [
    rule(1, "selection", "include", "app", "%"),
    rule(2, "transformation", "rename", "app", "people", rule_target="schema", value="core"),
    rule(3, "transformation", "rename", "app", "people", rule_target="table", value="persons"),
    rule(
        4, "transformation", "rename", "app", "people", "nick", rule_target="column", value="alias"
    ),
]  # fmt: skip


def made(databases: Databases, scripts: Path | None = None, **more: object) -> Expected:
    with open_session(databases.source) as source:
        tables = mapped_tables(rules(MOVED), source)
    recipe = Recipe(
        databases.source, databases.target, 17, databases.name, "UTF8", tables, scripts, **more
    )
    return expected_schema(recipe, lambda _: None)


def scripted(folder: Path, **scripts: str) -> Path:
    for phase in ("pre-load", "post-load"):
        (folder / phase).mkdir()
    for n, (phase, text) in enumerate(scripts.items(), 1):
        (folder / phase.replace("_", "-") / f"{n:02}_script.sql").write_text(text)
    return folder


@pytest.fixture
def people(databases: Databases) -> Databases:
    run(
        databases.source,
        "create schema app",
        "create table app.people (id serial primary key, nick text)",
        "create table app.visits (id int primary key, person int references app.people)",
        "create view app.names as select nick from app.people",
    )
    return databases


def test_the_expected_schema_equals_the_provisioned_one(kgc_source, kgc_target) -> None:
    settings = load_settings(ROOT / "migration.toml")
    wanted = load_rules(settings)
    with open_session(kgc_source) as source, open_session(kgc_target) as target:
        found = collect_snapshot(target)
        manifest = read_manifest(source, target, wanted)
        name = target.info.dbname
    recipe = Recipe(
        kgc_source, kgc_target, 17, name, "UTF8", manifest.tables, ROOT / "setup" / "schema"
    )
    expected = expected_schema(recipe, lambda _: None)
    assert differences(expected.snapshot, found, [k.name for k in KINDS]) == ()
    assert len(found.objects) > 400
    assert expected.moved["public.users_id_seq"] == "auth.users_id_seq"
    assert "public.health_metrics" not in expected.moved  # replaced, partitioned
    taken = read_schemas(kgc_source, kgc_target, manifest, ())
    names = taken.with_expected(expected, manifest).names
    of_source = (manifest.expected_indexes(), manifest.expected_foreign_keys())
    added = [
        {name for name, _ in of_kind} - set(map(str, known))
        for of_kind, known in zip((names.indexes, names.foreign_keys), of_source, strict=True)
    ]
    assert added == [
        {"health.idx_health_metrics_date", "health.idx_health_metrics_user_id_date"},
        {"health.care_plan_directives.fk_cpd_doctor"},
    ]
    assert names.dropped_columns == ()


def test_a_mapping_without_scripts_moves_tables_with_their_objects(people: Databases) -> None:
    expected = made(people)
    assert expected.moved["app.people"] == "core.persons"
    assert expected.moved["app.people_id_seq"] == "core.people_id_seq"
    assert "core.persons.alias" in expected.snapshot.of_kind("column")
    key = expected.snapshot.of_kind("foreign_key")["app.visits.visits_person_fkey"]
    assert "REFERENCES core.persons(id)" in key.facts["definition"]
    assert "persons" in expected.snapshot.of_kind("view")["app.names"].facts["query"]


def test_changes_by_scripts_are_expected(people: Databases, tmp_path) -> None:
    scripts = scripted(
        tmp_path,
        pre_load="create schema core; alter table app.people set schema core;"
        " alter table core.people rename to persons; alter table core.persons rename nick to alias;"
        " alter table core.persons add born date;"
        " alter table core.persons drop alias cascade",
        post_load="create index persons_alias on core.persons (born);"
        " alter table app.visits drop constraint visits_person_fkey;"
        " create table app.made (id int)",
    )
    expected = made(people, scripts)
    assert "core.persons_alias" in expected.snapshot.of_kind("index")
    with open_session(people.source) as source, open_session(people.source) as other:
        manifest = read_manifest(source, other, rules(MOVED))
    taken = read_schemas(people.source, people.target, manifest, ())
    names = taken.with_expected(expected, manifest).names
    assert ("core.persons_alias", "core.persons") in names.indexes
    assert names.foreign_keys == ()
    assert names.dropped_columns == ("core.persons.alias",)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            "create table app.t ();\n\ncreate tabel app.u ()",
            r"post-load/01_script.sql line 3.*42601",
        ),
        ("create extension nowhere", r"extension .nowhere.*schema\.scratch_dsn_env"),
        ("alter table app.nobody add n int", r"42P01.*app\.nobody"),
    ],
)
def test_an_object_that_cannot_be_created_is_reported(
    people: Databases, tmp_path, script, says
) -> None:
    with pytest.raises(UnreadableError, match=rf"(?s)scratch database: .*{says}") as raised:
        made(people, scripted(tmp_path, post_load=script))
    assert "password" not in str(raised.value)


def test_many_partitions_are_as_where_each_is_added_to_its_table(
    people: Databases, pair: Pair
) -> None:
    run(
        people.source,
        "create table app.days (day int primary key, n int not null default 7)"
        " partition by range (day)",
        *(
            f"create table app.day_{n} partition of app.days for values from ({n}) to ({n + 1})"
            for n in range(101)
        ),
        "create table app.day_rest partition of app.days default",
        "create index on app.days (n)",
    )
    grouped, added = made(people), made(people, scratch_dsn=pair.target.dsn())
    assert differences(grouped.snapshot, added.snapshot, [k.name for k in KINDS]) == ()
    assert grouped.snapshot.of_kind("partition").keys() >= {"app.day_100", "app.day_rest"}
    assert not [o.name for o in grouped.snapshot.objects if "pgcutover" in o.name]


def state(pair: Pair) -> tuple[list[object], list[object]]:
    with psycopg.connect(pair.target.dsn()) as connection:
        names = connection.execute("select datname from pg_database order by 1").fetchall()
        return names, connection.execute("select rolname from pg_roles order by 1").fetchall()


def test_nothing_is_left_on_a_users_scratch_server(people: Databases, pair: Pair, tmp_path) -> None:
    run(
        people.source,
        "create role only_on_the_source",
        "grant select on app.visits to only_on_the_source",
    )
    try:
        before = state(pair)
        expected = made(people, scratch_dsn=pair.target.dsn())
        assert "table app.visits to only_on_the_source" in expected.snapshot.of_kind("grant")
        assert state(pair) == before
        broken = scripted(tmp_path, pre_load="select 1 / 0")
        with pytest.raises(UnreadableError):
            made(people, broken, scratch_dsn=pair.target.dsn())
        assert state(pair) == before
    finally:
        run(people.source, "drop owned by only_on_the_source", "drop role only_on_the_source")


def test_a_server_of_another_major_is_refused(people: Databases, pair: Pair) -> None:
    with pytest.raises(ConfigError, match="expected a server of the target's major 17, found 15"):
        made(people, scratch_dsn=pair.source.dsn())


def test_an_unreachable_scratch_server_is_reported(people: Databases) -> None:
    with pytest.raises(Exception, match="scratch server cannot be reached") as raised:
        made(people, scratch_dsn="host=localhost port=1 user=u password=secret dbname=d")
    assert "secret" not in str(raised.value)


SWAPPED = [
    rule(1, "selection", "include", "app", "%"),
    rule(2, "transformation", "rename", "app", "a", rule_target="table", value="b"),
    rule(3, "transformation", "rename", "app", "b", rule_target="table", value="a"),
    rule(4, "transformation", "rename", "app", "c", rule_target="table", value="d"),
    rule(5, "transformation", "rename", "app", "d", rule_target="table", value="e"),
    rule(6, "transformation", "rename", "app", "e", "x", rule_target="column", value="y"),
    rule(7, "transformation", "rename", "app", "e", "y", rule_target="column", value="x"),
    rule(8, "transformation", "rename", "app", "e", "z", rule_target="column", value="zz"),
    rule(9, "transformation", "rename", "app", "e", rule_target="schema", value="new"),
]  # fmt: skip


@pytest.fixture
def letters(databases: Databases) -> Databases:
    made = [f"create table app.{name} (x int, y text, z date)" for name in "abcde"]
    comments = [f"comment on table app.{name} is 'once {name}'" for name in "abcde"]
    run(databases.source, "create schema app", *made, *comments)
    return databases


def read_renamed_letters(letters: Databases, scripts: Path | None = None) -> dict[str, str]:
    """Return each table's new name by its comment, which is its old name, and its columns."""
    with open_session(letters.source) as source:
        tables = mapped_tables(rules(SWAPPED), source)
    place = (letters.source, letters.target, 17, letters.name, "UTF8")
    made = expected_schema(Recipe(*place, tables, scripts), lambda _: None)
    columns = made.snapshot.of_kind("column")
    return dict(made.moved) | {n: str(c.facts["type"]) for n, c in columns.items() if "new" in n}


MEANT = {
    "app.a": "app.b",
    "app.b": "app.a",
    "app.c": "app.d",
    "app.d": "app.e",
    "app.e": "new.e",
    "new.e.y": "integer",
    "new.e.x": "text",
    "new.e.zz": "date",
}


def test_tables_and_columns_can_swap_names(letters: Databases) -> None:
    assert read_renamed_letters(letters) == MEANT


def test_an_object_renamed_by_a_script_is_not_renamed_again(letters: Databases, tmp_path) -> None:
    script = (
        "alter table app.a rename to t; alter table app.b rename to a; alter table app.t rename"
        " to b; alter table app.e rename x to t; alter table app.e rename y to x;"
        " alter table app.e rename t to y"
    )
    assert read_renamed_letters(letters, scripted(tmp_path, pre_load=script)) == MEANT


def test_objects_of_scripts_belong_to_the_provisioning_role(people: Databases, tmp_path) -> None:
    """The owner of the target's database, or the role that the journal says ran the scripts."""
    script = (
        "create schema made; create table made.t (); set role only_owner; create table app.u ()"
    )
    run(people.target, "create role provisioner", "create role only_owner")
    run(people.target, f'alter database "{people.name}" owner to provisioner')
    try:
        owners = made(people, scripted(tmp_path, post_load=script)).snapshot.of_kind("owner")
        found = {name: o.facts["owner"] for name, o in owners.items()}
        assert found["schema made"] == found["table made.t"] == "provisioner"
        assert found["table app.u"] == "only_owner"
        assert found["table app.visits"] == "postgres"
    finally:
        run(people.target, f'alter database "{people.name}" owner to postgres')
        run(people.target, "drop role provisioner", "drop role only_owner")


def test_roles_of_scripts_are_dropped_with_the_scratch_database(
    people: Databases, pair: Pair, tmp_path
) -> None:
    before = state(pair)
    scripts = scripted(
        tmp_path, pre_load="create role made_by_script; grant made_by_script to postgres"
    )
    made(people, scripts, scratch_dsn=pair.target.dsn())
    assert state(pair) == before


def test_the_next_run_cleans_up_after_a_killed_one(people: Databases, pair: Pair) -> None:
    before = state(pair)
    left = "pgcutover_scratch_0123456789ab"
    run(pair.target.dsn(), f"create database {left}", autocommit=True)
    run(pair.target.dsn(left), "create role left_behind", "create table t ()",
        "alter table t owner to left_behind",
        f"""comment on database {left} is '["left_behind"]'""")  # fmt: skip
    made(people, scratch_dsn=pair.target.dsn())
    assert state(pair) == before


def test_ownership_by_roles_with_special_names_is_kept(people: Databases) -> None:
    run(people.source, 'create role "rds o\'x"', 'alter table app.visits owner to "rds o\'x"')
    try:
        owners = made(people).snapshot.of_kind("owner")
        assert owners["table app.visits"].facts["owner"] == '"rds o\'x"'
    finally:
        run(people.source, 'drop owned by "rds o\'x" cascade', 'drop role "rds o\'x"')


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_can_be_expected(
    people: Databases, pair: Pair, encoding: str
) -> None:
    """Other databases' roles are kept: with SQL_ASCII all of them once appeared missing."""
    with open_session(people.source) as source:
        tables = mapped_tables(rules(MOVED), source)
    before = state(pair)
    place = (people.source, people.target, 17, people.name, encoding)
    recipe = Recipe(*place, tables, scratch_dsn=pair.target.dsn())
    assert "core.persons" in expected_schema(recipe, lambda _: None).moved.values()
    assert state(pair) == before
