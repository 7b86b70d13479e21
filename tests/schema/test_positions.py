"""A sequence that would give what somebody has already is noticed, whoever has it."""

import pytest
from compare.lab import run
from support.servers import Databases

from pgcutover.compare.diffs import Diff
from pgcutover.connect import open_session
from pgcutover.errors import UnreadableError
from pgcutover.schema.positions import sequences_diff

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


def asked(both: Databases, **moved: str) -> Diff:
    with open_session(both.source) as source, open_session(both.target) as target:
        return sequences_diff(source, target, moved)


def test_sequences_that_stand_alike_are_usable(both: Databases) -> None:
    diff = asked(both)
    assert not diff, diff.report()
    assert diff.facts["sequences"] == 7


@pytest.mark.parametrize(
    ("damage", "kinds", "says"),
    [
        ("select setval('app.t_id_seq', 1)", ["column", "source"], "app.t.id by 8"),
        ("select setval('app.t_id_seq', 9, false)", ["column", "source"], "app.t.id by 1,"),
        ("alter table app.t alter n restart with 1", ["column", "source"], "app.t.n by 9,"),
        ("select setval('app.ticket', 5)", ["column", "source"], "app.t.loose by 36"),
        ("select setval('app.down', -2)", ["column", "source"], "app.t.falling by 7"),
        ("select setval('app.parts_id_seq', 3)", ["column", "source"], "app.parts.id by 6"),
        ("insert into app.t (id) values (1000)", ["column"], "app.t.id by 991"),
        ("insert into app.parts values (77, 5)", ["column"], "app.parts.id by 68"),
        ("select setval('app.short', 3)", ["exhausted"], "come to its end"),
    ],
)
def test_what_is_behind_or_at_its_end_is_named(both: Databases, damage, kinds, says) -> None:
    run(both.target, damage)
    diff = asked(both)
    words = {
        "column": "sequence behind its column",
        "source": "sequence behind the source",
        "exhausted": "sequence exhausted",
    }
    assert sorted(f.kind for f in diff.findings()) == sorted(words[k] for k in kinds)
    assert says in diff.report()


def test_a_standalone_sequence_is_known_by_the_source_alone(both: Databases) -> None:
    run(both.source, "select nextval('app.short')", "select setval('app.ticket', 500)")
    assert [str(f.object) for f in asked(both).findings()] == ["app.short", "app.ticket"]


def test_a_sequence_that_moved_is_compared_with_itself(both: Databases) -> None:
    run(both.target, "create schema core", "alter sequence app.short set schema core")
    run(both.target, "select setval('core.short', 1, false)")
    assert not asked(both)  # its name is not known on the source
    (found,) = asked(both, **{"app.short": "core.short"}).findings()
    assert (found.object, found.evidence["behind_by"]) == ("core.short", 1)


def test_a_sequence_that_may_not_be_read_is_unknown(both: Databases) -> None:
    run(both.target, "create role nobody_much login password 'x'")
    try:
        with open_session(both.source) as source, open_session(both.target) as target:
            target.execute("set role nobody_much")
            with pytest.raises(UnreadableError, match=r"grant select on app\.down"):
                sequences_diff(source, target, {})
    finally:
        run(both.target, "drop role nobody_much")
