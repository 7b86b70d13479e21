"""The expected schema is what provisioning makes, as mapping and scripts say; nothing stays."""

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
from pgcutover.schema.derived import derived_differences
from pgcutover.schema.difference import differences
from pgcutover.schema.expected import Expected, Recipe, expected_schema
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.snapshot import take

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


def test_it_is_what_provisioning_makes(kgc_source, kgc_target) -> None:
    settings = load_settings(ROOT / "migration.toml")
    wanted = load_rules(settings)
    with open_session(kgc_source) as source, open_session(kgc_target) as target:
        found = take(target)
        manifest = read_manifest(source, target, wanted)
        name = target.info.dbname
    recipe = Recipe(
        kgc_source, kgc_target, 17, name, "UTF8", manifest.tables, ROOT / "setup" / "schema"
    )
    expected = expected_schema(recipe, lambda _: None)
    assert differences(expected.snapshot, found, [k.name for k in KINDS]) == ()
    assert len(found.objects) > 400
    assert expected.moved["public.users_id_seq"] == "auth.users_id_seq"
    assert "public.health_metrics" not in expected.moved  # made anew, partitioned
    derived = derived_differences(manifest, expected.catalog)
    assert {(d.kind, d.object, d.change) for d in derived} == {
        ("index", "health.health_metrics_pkey", "changed"),
        ("index", "health.idx_health_metrics_date", "added"),
        ("index", "health.idx_health_metrics_user_id_date", "added"),
        ("foreign_key", "health.care_plan_directives.fk_cpd_doctor", "added"),
    }


def test_a_mapping_without_scripts_moves_tables_and_what_hangs_on_them(people: Databases) -> None:
    expected = made(people)
    assert expected.moved["app.people"] == "core.persons"
    assert expected.moved["app.people_id_seq"] == "core.people_id_seq"
    assert "core.persons.alias" in expected.snapshot.of_kind("column")
    key = expected.snapshot.of_kind("foreign_key")["app.visits.visits_person_fkey"]
    assert "REFERENCES core.persons(id)" in key.facts["definition"]
    assert "persons" in expected.snapshot.of_kind("view")["app.names"].facts["query"]


def test_what_scripts_make_change_and_drop_is_expected(people: Databases, tmp_path) -> None:
    scripts = scripted(
        tmp_path,
        pre_load="create schema core; alter table app.people set schema core;"
        " alter table core.people rename to persons; alter table core.persons rename nick to alias;"
        " alter table core.persons add born date;"
        " alter table core.persons alter alias set not null",
        post_load="create index persons_alias on core.persons (alias);"
        " alter table app.visits drop constraint visits_person_fkey;"
        " create table app.made (id int)",
    )
    expected = made(people, scripts)
    assert "core.persons_alias" in expected.snapshot.of_kind("index")
    with open_session(people.source) as source, open_session(people.source) as other:
        manifest = read_manifest(source, other, rules(MOVED))
    derived = derived_differences(manifest, expected.catalog)
    assert {(d.kind, d.object, d.change, d.definition) for d in derived if d.kind != "index"} == {
        ("table", "app.made", "added", None),
        ("column", "core.persons.born", "added", "date"),
        ("column", "core.persons.alias", "changed", "text not null"),
        ("foreign_key", "app.visits.visits_person_fkey", "dropped", None),
    }
    assert [d.object for d in derived if d.kind == "index"] == ["core.persons_alias"]


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
def test_what_cannot_be_made_is_said(people: Databases, tmp_path, script, says) -> None:
    with pytest.raises(UnreadableError, match=rf"(?s)scratch database: .*{says}") as raised:
        made(people, scripted(tmp_path, post_load=script))
    assert "password" not in str(raised.value)


def state(pair: Pair) -> tuple[list[object], list[object]]:
    with psycopg.connect(pair.target.dsn()) as connection:
        names = connection.execute("select datname from pg_database order by 1").fetchall()
        return names, connection.execute("select rolname from pg_roles order by 1").fetchall()


def test_nothing_is_left_on_a_server_of_the_users(people: Databases, pair: Pair, tmp_path) -> None:
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


def test_a_scratch_server_that_does_not_answer_is_said(people: Databases) -> None:
    with pytest.raises(Exception, match="scratch server cannot be reached") as raised:
        made(people, scratch_dsn="host=localhost port=1 user=u password=secret dbname=d")
    assert "secret" not in str(raised.value)
