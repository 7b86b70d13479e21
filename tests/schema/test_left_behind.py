"""Test objects of the source that the target may lack because of the mapping or the mover."""

from dataclasses import replace
from typing import get_args

import pytest
from compare.lab import FUNCTIONS, Lab, rule, rules, run
from schema.faultlab import RUN_WIDE, of_the_lab
from support.servers import Databases

from pgcutover.config.differences import PATTERN_KINDS, DeclaredDifference, Kind
from pgcutover.errors import PgCutoverError
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.stage import SchemaStage

INCLUDE = rule(1, "selection", "include", "public", "%")
EXCLUDE = rule(2, "selection", "exclude", "public", "tmp[_]%")
REMOVE = rule(3, "transformation", "remove-column", "public", "o", "secret", rule_target="column")
KEPT = "create table keep (id int primary key)"
TEMPORARY = (
    "create table tmp_x (id serial primary key, k int references keep); create index on tmp_x (k)"
)
ORDERS = "create table o (id int primary key, total numeric{})"


def lab_of(databases: Databases, *documents: dict[str, object]) -> Lab:
    return Lab(databases.source, databases.target, rules=rules(list(documents)), recent={})


class StageResults:
    """The results of every schema check by id, with all warnings and declared differences."""

    def __init__(self, lab: Lab) -> None:
        self.red, self.unknown = {}, {}
        self.facts: list[str] = []
        taken = lab.schema(lab.manifest())
        evidence = taken.evidence
        sides = {s: of_the_lab(getattr(evidence, s)) for s in ("source", "target")}
        self.stage = SchemaStage(replace(evidence, **sides))
        for check in RUN_WIDE:
            self._run_check(check.id)
        results = lab.judge("schema")
        self.red |= results.red
        self.unknown |= results.unknown

    def _run_check(self, check: str) -> None:
        try:
            FUNCTIONS[check](schema_stage=self)
        except AssertionError as error:
            self.red[f"{check}[*]"] = str(error).partition("\nassert ")[0]
        except PgCutoverError as error:
            self.unknown[f"{check}[*]"] = str(error)

    def __getattr__(self, name: str):
        def call(*arguments, **named):
            diff = getattr(self.stage, name)(*arguments, **named)
            for kind in ("warnings", "declared", "excluded_tables"):
                self.facts += [f"{kind}: {text}" for text in diff.facts.get(kind, ())]
            return diff

        return call


def declare(kind: str, name: str, change: str, **more: str) -> DeclaredDifference:
    return DeclaredDifference(kind, name, change, "on purpose", **more)


def test_an_excluded_table_that_the_target_lacks_is_no_finding(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE, EXCLUDE)
    run(lab.source, KEPT, TEMPORARY)
    run(lab.target, KEPT)
    results = StageResults(lab)
    assert (results.red, results.unknown) == ({}, {})
    assert "excluded_tables: public.tmp_x" in results.facts


def test_an_excluded_table_that_the_target_has_is_compared(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE, EXCLUDE)
    run(lab.source, KEPT, TEMPORARY)
    run(lab.target, KEPT, TEMPORARY, "alter table tmp_x drop column k")
    results = StageResults(lab)
    assert "column public.tmp_x.k is missing" in results.red["SCHEMA-TABLE-PROPERTIES[*]"]


def test_a_removed_column_and_its_dependents_are_no_finding(databases) -> None:
    lab = lab_of(databases, INCLUDE, REMOVE)
    run(lab.source, ORDERS.format(", secret text default 'x' unique check (secret <> '')"))
    run(lab.target, ORDERS.format(""))
    results = StageResults(lab)
    assert (results.red, results.unknown) == ({}, {})


def test_a_removed_column_that_a_view_uses_leaves_the_view_expected(databases) -> None:
    lab = lab_of(databases, INCLUDE, REMOVE)
    run(lab.source, ORDERS.format(", secret text"), "create view v as select secret from o")
    run(lab.target, ORDERS.format(""))
    results = StageResults(lab)
    assert results.red.keys() == {"SCHEMA-VIEWS[*]"}


def test_a_removed_column_that_the_target_has_is_unexpected(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE, REMOVE)
    for dsn in (lab.source, lab.target):
        run(dsn, ORDERS.format(", secret text"))
    results = StageResults(lab)
    assert "unexpected column public.o.secret" in results.red["SCHEMA-COLUMNS[public.o]"]


MOVER = (
    "create schema {0}; create table {0}.groups (id bigserial primary key, name text unique);"
    "create function {0}.capture() returns trigger language plpgsql as 'begin return null; end';"
    "create trigger capture after insert on keep for each row execute function {0}.capture()"
)


def test_objects_of_a_known_mover_are_warnings(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE)
    run(lab.source, KEPT, MOVER.format("pger"))
    run(lab.source, "create publication pger_publication_1 for all tables")
    run(lab.target, KEPT)
    results = StageResults(lab)
    assert (results.red, results.unknown) == ({}, {})
    warned = [text for text in results.facts if "pg_easy_replicate" in text]
    for name in ("schema pger", "pger_publication_1", "pger.capture()", "public.keep.capture"):
        assert any(name in text for text in warned), name


def test_a_declared_schema_or_publication_includes_its_members(databases: Databases) -> None:
    """A table in the schema needs no mapping rule."""
    lab = lab_of(databases, INCLUDE)
    run(lab.source, KEPT, MOVER.format("own_mover"), "create publication feed for table keep")
    run(lab.target, KEPT)
    red = {"SCHEMA-PUBLICATIONS[*]", "SCHEMA-ROUTINES[*]", "SCHEMA-SCHEMAS[*]"}
    assert StageResults(lab).red.keys() == {*red, "SCHEMA-TABLE-TRIGGERS[*]", "SCHEMA-TABLES[*]"}
    dropped = declare("schema", "own_mover", "dropped"), declare("publication", "feed", "dropped")
    lab.declared = dropped
    results = StageResults(lab)
    assert (results.red, results.unknown) == ({}, {})
    assert "declared: publication table public.keep in feed is missing" in str(results.facts)
    assert "table own_mover.groups of the source is neither included" in str(results.facts)
    lab.declared = (*dropped, declare("publication", "other", "dropped"))
    assert "publication other" in StageResults(lab).red["SCHEMA-DECLARED[*]"]


def test_a_schema_or_publication_that_the_target_has_is_not_dropped(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE)
    run(lab.source, KEPT, MOVER.format("own_mover"), "create publication feed for table keep")
    run(lab.target, KEPT, "create schema own_mover", "create publication feed")
    lab.declared = (
        declare("schema", "own_mover", "dropped"),
        declare("publication", "feed", "dropped"),
    )
    message = StageResults(lab).red["SCHEMA-DECLARED[*]"]
    assert "schema own_mover is declared dropped, but is on the target" in message
    assert "publication feed is declared dropped, but is on the target" in message


def test_a_publication_that_the_target_subscribes_to_is_a_warning(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE)
    run(lab.source, KEPT, "create publication feed for table keep")
    run(lab.target, KEPT)
    assert "SCHEMA-PUBLICATIONS[*]" in StageResults(lab).red
    make = "create subscription s connection 'dbname=x' publication feed with (connect = false)"
    run(lab.target, make)
    results = StageResults(lab)
    assert results.red == {}
    assert any("publication feed is missing" in text for text in results.facts)


def test_replica_identity_full_on_the_source_alone_is_a_warning(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE)
    for dsn in (lab.source, lab.target):
        run(dsn, KEPT)
    run(lab.source, "alter table keep replica identity full")
    results = StageResults(lab)
    assert results.red == {}
    assert any("replica identity: expected full, found default" in text for text in results.facts)
    run(lab.target, "alter table keep replica identity nothing")
    assert StageResults(lab).red.keys() == {"SCHEMA-TABLE-PROPERTIES[*]"}


def test_an_invalid_index_of_the_source_is_a_warning_and_may_be_missing(databases) -> None:
    lab = lab_of(databases, INCLUDE)
    for dsn in (lab.source, lab.target):
        run(dsn, KEPT, "alter table keep add v int")
    run(lab.source, "create index keep_v on keep (v)")
    run(lab.source, "update pg_index set indisvalid = false where indexrelid = 'keep_v'::regclass")
    results = lab.judge("schema")
    assert results.red == {}
    assert "index public.keep_v is INVALID on the source" in "".join(results.warnings)
    assert "SCHEMA-INDEXES[public.keep_v]" in results.green
    run(lab.target, "create index keep_v on keep (v)")
    assert lab.judge("schema").red == {}
    run(lab.target, "update pg_index set indisvalid = false where indexrelid = 'keep_v'::regclass")
    message = lab.judge("schema").red["SCHEMA-INDEXES[public.keep_v]"]
    assert "index public.keep_v is INVALID on the target" in message


def test_a_table_without_columns_passes_all_checks(databases: Databases) -> None:
    lab = lab_of(databases, INCLUDE)
    for dsn in (lab.source, lab.target):
        run(dsn, KEPT, "create table bare ()")
    results = StageResults(lab)
    assert (results.red, results.unknown) == ({}, {})
    run(lab.target, "alter table bare add id int")
    assert StageResults(lab).red.keys() == {"SCHEMA-COLUMNS[public.bare]"}


@pytest.mark.parametrize("declared", [False, True])
def test_owners_and_grants_omitted_by_a_restore_can_be_declared(databases, declared) -> None:
    lab = lab_of(databases, INCLUDE)
    roles = ("left_owner", "left_reader", "left_new")
    for dsn in (lab.source, lab.target):
        run(dsn, *(f"create role {role}" for role in roles))
    try:
        made = (KEPT, "create view v as select id from keep")
        run(lab.source, *made, "alter table keep owner to left_owner; alter view v owner to "
            "left_owner; grant select on keep, v to left_reader")  # fmt: skip
        run(lab.target, *made, "alter table keep owner to left_new; alter view v owner to left_new")
        changed = {"property": "owner", "value": "left_new"}
        lab.declared = (
            declare("owner", "*", "changed", **changed),
            declare("grant", "* to left_reader", "dropped"),
        ) * declared
        results = StageResults(lab)
        assert results.red.keys() == (
            set() if declared else {"SCHEMA-OWNERS[*]", "SCHEMA-GRANTS[*]"}
        )
        assert any("left_owner, found left_new (declared" in t for t in results.facts) == declared
        run(lab.target, "alter view v owner to left_reader")
        assert "SCHEMA-OWNERS[*]" in StageResults(lab).red
    finally:
        for dsn in (lab.source, lab.target):
            run(dsn, "drop owned by left_owner, left_reader, left_new cascade")
            run(dsn, *(f"drop role {role}" for role in roles))


def test_another_encoding_is_reported_once_and_can_be_declared(fresh_database, pair) -> None:
    lab = Lab(fresh_database("source"), _latin1(pair), rules=rules([INCLUDE]), recent={})
    try:
        for dsn in (lab.source, lab.target):
            run(dsn, KEPT)
        red = {c for c, text in StageResults(lab).red.items() if "LATIN1" in text}
        assert red == {"SCHEMA-DATABASE[*]"}
        lab.declared = (
            declare("database", "this database", "changed", property="encoding", value="LATIN1"),
        )
        assert not any("LATIN1" in text for text in StageResults(lab).red.values())
    finally:
        run(pair.target.dsn(), "drop database left_latin1 with (force)", autocommit=True)


def _latin1(pair) -> str:
    run(
        pair.target.dsn(),
        "create database left_latin1 template template0 encoding 'LATIN1' locale 'C'",
        autocommit=True,
    )
    return pair.target.dsn("left_latin1")


def test_a_database_setting_and_an_extensions_schema_can_be_declared(databases) -> None:
    lab = lab_of(databases, INCLUDE)
    run(lab.source, KEPT, "create schema ext", "create extension pg_trgm schema ext")
    run(lab.target, KEPT, "create schema ext", "create extension pg_trgm")
    setting = f"alter database \"{databases.name}\" set work_mem = '7MB'"
    run(lab.target, setting)
    assert StageResults(lab).red.keys() == {"SCHEMA-EXTENSIONS[*]", "SCHEMA-DATABASE[*]"}
    lab.declared = (
        declare("extension", "pg_trgm", "changed", property="schema", value="public"),
        declare("database_setting", "work_mem", "added"),
    )
    results = StageResults(lab)
    assert (results.red, results.unknown) == ({}, {})


CITEXT = (
    "create schema ext; set search_path = public, ext;"
    "create extension citext schema {0}; create extension pg_trgm schema {0};"
    "create domain mail as {0}.citext check (value <> ''::{0}.citext);"
    "create table named (name {0}.citext default 'x'::{0}.citext, t text, m mail);"
    "create index named_t on named using gin (t {0}.gin_trgm_ops);"
    "create view shown as select name::{0}.citext || 'y' as name from named"
)


def test_a_declared_move_of_an_extension_covers_references_to_it(databases) -> None:
    lab = lab_of(databases, INCLUDE)
    run(lab.source, CITEXT.format("ext"))
    run(lab.target, CITEXT.format("public"))
    assert {"SCHEMA-EXTENSIONS[*]", "SCHEMA-COLUMNS[public.named]"} < StageResults(lab).red.keys()
    lab.declared = tuple(
        declare("extension", name, "changed", property="schema", value="public")
        for name in ("citext", "pg_trgm")
    )
    results = StageResults(lab)
    assert (results.red, results.unknown) == ({}, {})
    run(lab.target, "drop view shown; alter table named alter name type text")
    assert (
        "type: expected ext.citext, found text"
        in StageResults(lab).red["SCHEMA-COLUMNS[public.named]"]
    )


def test_a_type_outside_a_moved_extension_must_stay_in_its_schema(databases) -> None:
    """Both sides have the type in both schemas, so that no other check would fail."""
    lab = lab_of(databases, INCLUDE)
    own = "create schema ext; create type ext.own as (n int); create type own as (n int);"
    run(lab.source, own, "create extension citext schema ext", "create table keep (v ext.own)")
    run(lab.target, own, "create extension citext", "create table keep (v public.own)")
    lab.declared = (declare("extension", "citext", "changed", property="schema", value="public"),)
    assert StageResults(lab).red.keys() == {"SCHEMA-COLUMNS[public.keep]"}


def test_every_kind_can_be_declared() -> None:
    assert set(get_args(Kind)) == {k.name for k in (*KINDS, *CLUSTER_KINDS)}
    assert set(PATTERN_KINDS) < set(get_args(Kind))
