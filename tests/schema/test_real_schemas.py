"""Test that realistic schemas give no false alarm, restored unchanged or renamed by the mapping."""

import os
from pathlib import Path

import pytest
from compare.lab import rule, run
from schema.real.lab import Rules, all_tables, load, moved_tables, provision, report_of, schema_only
from support.servers import Databases

OWN = sorted(Path(__file__).with_name("real").glob("*.sql"))
VARIABLE = "PGCUTOVER_REAL_SCHEMAS"
PUBLIC = sorted(Path(os.environ[VARIABLE]).glob("*.sql")) if os.environ.get(VARIABLE) else []
WAYS = {"whole": all_tables, "renamed": moved_tables}
# inherited columns are renamed with the parent's
MORE: dict[str, Rules] = {
    "rental": [
        rule(n, "transformation", "rename", "public", table, "contact",
             rule_target="column", value="mail")
        for n, table in enumerate(("person", "customer", "member"), 9000)
    ]
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_a_schema_with_everything_gives_no_finding(databases, tmp_path, path, way) -> None:
    report = _report(databases, tmp_path, path, way)
    assert report.anything == []
    assert report.objects > 100


@pytest.mark.skipif(not PUBLIC, reason=f"{VARIABLE} names no folder with *.sql files")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.stem)
def test_a_public_schema_gives_no_finding(databases, tmp_path, path, way) -> None:
    assert _report(databases, tmp_path, path, way).anything == []


def test_every_comparison_finds_a_change_on_the_target(databases, tmp_path) -> None:
    path = OWN[0].with_name("music.sql")
    _report(databases, tmp_path, path, "renamed")
    run(databases.target, 'drop index "Moved 1"."IFK_AlbumArtistId"')
    report = report_of(databases, moved_tables(databases.source))
    assert ["IFK_AlbumArtistId" in text for text in report.differences] == [True]
    assert ["IFK_AlbumArtistId" in text for text in report.of_the_stage] == [True]
    assert {name.partition("[")[0] for name in report.of_checks} == {"SCHEMA-INDEXES"}


def test_a_child_tables_own_not_null_is_restored(databases, tmp_path) -> None:
    run(
        databases.source,
        "create table parent (id integer)",
        "create table heir () inherits (parent)",
        "alter table heir add primary key (id)",
        """create table named ("Odd, ""(name" int, n text default ',\n    NOT NULL id)')""",
        'create table "heir (of named" (x int not null, check (x > 0)) inherits (named)',
        """alter table "heir (of named" alter "Odd, ""(name" set not null, alter n set not null""",
    )
    rules = all_tables(databases.source)
    provision(databases, tmp_path / "scripts", rules)
    assert report_of(databases, rules).anything == []


def test_a_script_is_loaded_without_its_rows() -> None:
    text = (
        "\\restrict word\ncreate table t (n text);\nCOPY public.t (n) FROM stdin;\n1;\n\\.\n"
        "\\copy t from 'x.csv' csv;\ninsert into t values (';');\n"
        "create function f() returns text language sql as $$ select ';\ninsert into t' $$;\n"
        "CREATE DATABASE x;\n\\c x;\nset client_encoding=latin1;\ncreate view v as select 1;"
    )
    assert [" ".join(made.split()[:3]) for made in schema_only(text, "a test")] == [
        "create table t",
        "create function f()",
        "create view v",
    ]


def _report(databases: Databases, folder: Path, path: Path, way: str):
    load(databases.source, path)
    rules = WAYS[way](databases.source)
    rules += MORE.get(path.stem, []) if way == "renamed" else []
    provision(databases, folder / "scripts", rules)
    return report_of(databases, rules)
