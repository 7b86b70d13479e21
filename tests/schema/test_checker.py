"""Test the checks of sequences, partitions, materialized views, statistics and indexes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from compare.lab import FUNCTIONS, run
from support.servers import Databases

from pgcutover.connect import open_session
from pgcutover.errors import UnreadableError
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.state.checker import SAMPLED_INDEXES, SchemaState

SCHEMA = (
    "create schema app",
    "create table app.t (id serial primary key, at timestamptz default now())",
    "insert into app.t select from generate_series(1, 9)",
    "create materialized view app.counted as select count(*) as n from app.t",
    "create table app.p (at date) partition by range (at)",
    "create table app.p_all partition of app.p for values from (minvalue) to (maxvalue)",
    "create table app.q (n int) partition by list (n)",
    "create table app.q_1 partition of app.q for values in (1)",
    "create table app.q_rest partition of app.q default",
)
QUESTIONS = {
    "SCHEMA-SEQUENCES-USABLE": {},
    "SCHEMA-PARTITIONS-COVER": {},
    "SCHEMA-VIEWS-FRESH": {},
    "SCHEMA-AMCHECK": {"amcheck_extent": "full"},
}


@pytest.fixture
def both(databases: Databases) -> Databases:
    for dsn in (databases.source, databases.target):
        run(dsn, *SCHEMA, "analyze")
    run(databases.target, "create extension amcheck")
    return databases


def state(both: Databases, **more: object) -> SchemaState:
    with open_session(both.target) as session:
        found = collect_snapshot(session, (*KINDS, *CLUSTER_KINDS))
    return SchemaState(both.source, both.target, SchemaEvidence(found, found, found), **more)


def red(stage: SchemaState) -> set[str]:
    failed = set()
    for check, arguments in QUESTIONS.items():
        try:
            FUNCTIONS[check](schema_state=stage, **arguments)
        except AssertionError:
            failed.add(check)
    return failed


@contextmanager
def writing(dsn: str, statement: str) -> Iterator[None]:
    """Run a statement repeatedly during the block."""
    done = Event()

    def write() -> None:
        while not done.is_set():
            run(dsn, statement)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(write)
        try:
            yield
        finally:
            done.set()
            running.result()


def test_every_check_passes_on_a_correct_target(both: Databases) -> None:
    assert red(state(both)) == set()


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("select setval('app.t_id_seq', 3)", "SCHEMA-SEQUENCES-USABLE"),
        ("insert into app.q values (7)", "SCHEMA-PARTITIONS-COVER"),
        ("drop table app.p_all", "SCHEMA-PARTITIONS-COVER"),
        ("refresh materialized view app.counted with no data", "SCHEMA-VIEWS-FRESH"),
        ("delete from app.t where id = 1", "SCHEMA-VIEWS-FRESH"),
    ],
)
def test_each_fault_fails_its_check(both: Databases, damage, check) -> None:
    run(both.target, damage)
    assert red(state(both)) == {check}


def test_a_collation_change_requires_checking_all_indexes(both: Databases) -> None:
    run(both.target, *(f"create index more_{n} on app.t (at)" for n in range(SAMPLED_INDEXES)))
    facts = state(both).corruption("sample").facts
    assert facts["checked"] == SAMPLED_INDEXES < facts["indexes"]
    run(
        both.target,
        "update pg_database set datcollversion = '1' where datname = current_database()",
    )
    facts = state(both).corruption("sample").facts
    assert facts["checked"] == facts["indexes"] > SAMPLED_INDEXES


def test_a_corrupt_index_fails(both: Databases) -> None:
    run(
        both.target,
        "create function app.place(int) returns int language sql immutable return $1",
        "create index liar on app.t (app.place(id))",
        "create or replace function app.place(int) returns int language sql immutable return -$1",
    )
    assert red(state(both)) == {"SCHEMA-AMCHECK"}


def test_a_stale_view_fails_if_nothing_writes(both: Databases) -> None:
    run(both.target, "delete from app.t where id = 1")
    assert red(state(both, settle_seconds=0.1)) == {"SCHEMA-VIEWS-FRESH"}


def test_a_stale_view_is_a_warning_while_its_rows_change(both: Databases) -> None:
    run(both.target, "delete from app.t where id = 1")
    stage = state(both, settle_seconds=1.5)
    with writing(both.target, "insert into app.t default values"):
        assert red(stage) == set()
        assert "app.counted" in str(stage.materialized_views().facts["warnings"])


def test_without_the_extension_indexes_are_unknown(both: Databases) -> None:
    run(both.target, "drop extension amcheck")
    with pytest.raises(UnreadableError, match="create extension amcheck"):
        state(both).corruption("sample")
