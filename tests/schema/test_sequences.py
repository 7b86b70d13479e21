"""Test that a sequence whose next value is in use or out of range is found."""

import pytest
from compare.lab import run
from support.servers import Databases

from pgcutover.connect import open_session
from pgcutover.diff import Diff
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.schema.state.sequences import sequences_diff

SCHEMA = (
    "create schema app",
    "create sequence app.ticket start 5 increment 5",
    "create sequence app.down increment -1",
    "create sequence app.round maxvalue 3 cycle",
    "create sequence app.short maxvalue 3",
    "create table app.t (id serial primary key, n int generated always as identity,"
    " loose int default nextval('app.ticket'), falling int default nextval('app.down'))",
    "insert into app.t (id) select nextval('app.t_id_seq') from generate_series(1, 9)",
    "create table app.parts (id bigserial, at int) partition by range (at)",
    "create table app.parts_1 partition of app.parts for values from (0) to (100)",
    "insert into app.parts (at) select i from generate_series(1, 9) i",
    "select nextval('app.round') from generate_series(1, 3)",
    "select nextval('app.short')",
)


@pytest.fixture
def both(databases: Databases) -> Databases:
    for dsn in (databases.source, databases.target):
        run(dsn, *SCHEMA)
    return databases


def check_sequences(both: Databases, **moved: str) -> Diff:
    with open_session(both.source) as source, open_session(both.target) as target:
        return sequences_diff(source, target, moved)


def on_both(both: Databases, *statements: str) -> None:
    for dsn in (both.source, both.target):
        run(dsn, *statements)


def found(diff: Diff) -> list[tuple[object, str]]:
    return [(f.object, f.kind) for f in diff.findings()]


def test_equal_sequences_are_usable(both: Databases) -> None:
    diff = check_sequences(both)
    assert not diff, diff.report()
    assert diff.facts["sequences"] == 7


@pytest.mark.parametrize(
    ("damage", "kinds", "says"),
    [
        ("select setval('app.t_id_seq', 1)", ["column", "source"], "app.t.id by 8"),
        ("select setval('app.t_id_seq', 9, false)", ["column", "source"], "app.t.id by 1:"),
        ("alter table app.t alter n restart with 1", ["column", "source"], "app.t.n by 9:"),
        ("select setval('app.ticket', 5)", ["column", "source"], "app.t.loose by 36"),
        ("select setval('app.down', -2)", ["column", "source"], "app.t.falling by 7"),
        ("select setval('app.parts_id_seq', 3)", ["column", "source"], "app.parts.id by 6"),
        ("insert into app.t (id) values (1000)", ["column"], "app.t.id by 991"),
        ("insert into app.parts values (77, 5)", ["column"], "app.parts.id by 68"),
        ("select setval('app.short', 3)", ["exhausted"], "is exhausted"),
    ],
)
def test_a_sequence_behind_or_exhausted_is_named(both: Databases, damage, kinds, says) -> None:
    run(both.target, damage)
    diff = check_sequences(both)
    words = {
        "column": "sequence behind its column",
        "source": "sequence behind the source",
        "exhausted": "sequence exhausted",
    }
    assert sorted(f.kind for f in diff.findings()) == sorted(words[k] for k in kinds)
    assert says in diff.report()


def test_a_standalone_sequence_is_compared_with_the_source(both: Databases) -> None:
    run(both.source, "select nextval('app.short')", "select setval('app.ticket', 500)")
    assert [str(f.object) for f in check_sequences(both).findings()] == ["app.short", "app.ticket"]


def test_a_moved_sequence_is_compared_with_its_original(both: Databases) -> None:
    run(both.target, "create schema core", "alter sequence app.short set schema core")
    run(both.target, "select setval('core.short', 1, false)")
    assert not check_sequences(both)  # the source does not have its name
    (found,) = check_sequences(both, **{"app.short": "core.short"}).findings()
    assert (found.object, found.evidence["behind_by"]) == ("core.short", 1)


def test_an_unreadable_sequence_is_unknown(both: Databases) -> None:
    run(both.target, "create role nobody_much login password 'x'")
    try:
        with open_session(both.source) as source, open_session(both.target) as target:
            target.execute("set role nobody_much")
            with pytest.raises(UnreadableError, match=r"grant select on app\.down"):
                sequences_diff(source, target, {})
    finally:
        run(both.target, "drop role nobody_much")


def test_the_reported_statement_fixes_a_sequence(both: Databases) -> None:
    run(
        both.target,
        "select setval('app.t_id_seq', 1)",
        "select setval('app.down', -1)",
        "insert into app.t (id) values (70)",
    )
    run(both.source, "select setval('app.t_id_seq', 90)")
    fixes = {str(f.object): f.evidence["fix"] for f in check_sequences(both).findings()}
    assert fixes.keys() == {"app.t_id_seq", "app.down"}
    run(both.target, *fixes.values())
    assert not check_sequences(both)


def test_a_sequence_behind_is_a_warning_during_replication(both: Databases) -> None:
    run(both.target, "select setval('app.t_id_seq', 1)", "select setval('app.short', 3)")
    with open_session(both.source) as source, open_session(both.target) as target:
        diff = sequences_diff(source, target, {}, during_load=True)
    assert found(diff) == [("app.short", "sequence exhausted")]
    first, second = diff.facts["warnings"]
    assert "app.t.id by 8" in first
    assert "the source's by 8" in second


def test_an_unused_sequence_starts_at_the_sources_value(both: Databases) -> None:
    on_both(both, "create sequence app.fresh start 1000")
    assert not check_sequences(both)
    run(both.target, "alter sequence app.fresh restart with 998")
    (only,) = check_sequences(both).findings()
    assert (only.object, only.evidence["behind_by"]) == ("app.fresh", 2)


def test_the_default_of_a_single_partition_is_checked(both: Databases) -> None:
    on_both(
        both,
        "create sequence app.part",
        "alter table app.parts_1 alter id set default nextval('app.part'::regclass)",
    )
    assert found(check_sequences(both)) == [("app.part", "sequence behind its column")]
    on_both(both, "select setval('app.part', 9)")
    assert not check_sequences(both)


def test_a_cycled_sequence_has_the_sources_value(both: Databases) -> None:
    on_both(
        both,
        "create table app.ring (n int default nextval('app.round'))",
        "insert into app.ring values (1), (2), (3)",
        "select nextval('app.round')",
    )
    assert not check_sequences(both)
    run(both.source, "select nextval('app.round')")
    assert found(check_sequences(both)) == [("app.round", "sequence behind the source")]


def test_a_sequence_beyond_its_columns_type_is_exhausted(both: Databases) -> None:
    on_both(
        both,
        "select setval('app.t_id_seq', 2147483647, false)",
        "alter sequence app.t_id_seq as bigint",
    )
    assert not check_sequences(both)
    on_both(both, "select setval('app.t_id_seq', 2147483647)")
    assert found(check_sequences(both)) == [("app.t_id_seq", "sequence exhausted")]


def test_column_values_outside_the_sequence_are_ignored(both: Databases) -> None:
    on_both(
        both,
        "create table app.odd (a numeric default nextval('app.round'), b float8, c oid, d money,"
        " e text)",
        "create sequence app.q",
        *(f"alter table app.odd alter {c} set default nextval('app.q')" for c in "bc"),
        "alter table app.odd alter e set default 'no ' || nextval('app.q')",
        "insert into app.odd values ('NaN', 'infinity', 4000000000, 5, 'no 77')",
        "insert into app.odd values (1e300, 'NaN', 4000000000, 5, 'no 77')",
    )
    assert not check_sequences(both)
    on_both(both, "insert into app.odd (b) values (7.5)")
    (only,) = check_sequences(both).findings()
    assert (only.object, only.evidence["behind_by"]) == ("app.q", 5)


def test_one_sequence_shared_by_two_columns_is_found(both: Databases) -> None:
    on_both(
        both,
        "create table app.one (id serial)",
        "create table app.two (id serial)",
        "create table app.three (id int default nextval('app.two_id_seq'))",
    )
    assert not check_sequences(both)
    run(both.target, "alter table app.one alter id set default nextval('app.two_id_seq')")
    diff = check_sequences(both)
    assert found(diff) == [("app.two_id_seq", "sequence shared")]
    assert "app.one.id and app.three.id and app.two.id" in diff.report()


def test_columns_and_tables_have_their_target_names(both: Databases) -> None:
    on_both(both, 'create table app."One" (id serial)', "create table app.two (id serial)")
    run(
        both.target,
        "create schema core",
        'alter table app."One" set schema core',
        'alter table core."One" rename id to key',
        "alter table core.\"One\" alter key set default nextval('app.two_id_seq')",
    )
    table = MappedTable(RelationName("app", "One"), RelationName("core", "One"), (("id", "key"),))
    moved = {
        'app."One"': 'core."One"',
        'app."One_id_seq"': 'core."One_id_seq"',
        "app.two_id_seq": "app.two_id_seq",
    }
    with open_session(both.source) as source, open_session(both.target) as target:
        assert found(sequences_diff(source, target, moved, [table])) == [
            ("app.two_id_seq", "sequence shared")
        ]
        del moved['app."One_id_seq"']  # a script dropped it
        assert not sequences_diff(source, target, moved, [table])


def test_a_sequence_dropped_after_the_snapshot_is_unknown(both: Databases) -> None:
    with open_session(both.source) as source, open_session(both.target) as target:
        target.execute("select 1")
        run(both.target, "drop sequence app.round")
        with pytest.raises(UnreadableError, match=r"app\.round.*could not be read"):
            sequences_diff(source, target, {})
