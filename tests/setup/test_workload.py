"""Test that the workload writes as an application does, and only what DMS can replicate."""

import re
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from support.kgc import PASSWORDS
from support.processes import eventually

from pgcutover.errors import ServerError
from pgcutover.setup.demo.actions import WEIGHTED, Action, Hand
from pgcutover.setup.demo.rows import LARGEST_IMAGE_BYTES
from pgcutover.setup.demo.workload import Workload, WorkloadStats

_CHANGE = re.compile(r'^table public\.("?\w+"?): (INSERT|UPDATE|DELETE|TRUNCATE)', re.MULTILINE)


@pytest.fixture
def app_dsn(kgc_source: str) -> str:
    return make_conninfo(kgc_source, user="kgc_app", password=PASSWORDS["kgc_app"])


@pytest.fixture
def changes(kgc_source: str) -> Iterator[Callable[[], str]]:
    """Return changes(), which returns everything committed since the test began."""
    with psycopg.connect(kgc_source, autocommit=True) as conn:
        slot = f"workload_{conninfo_to_dict(kgc_source)['dbname']}"
        conn.execute("select pg_create_logical_replication_slot(%s, 'test_decoding')", [slot])

        def read() -> str:
            query = "select data from pg_logical_slot_get_changes(%s, null, null)"
            return "\n".join(str(line) for (line,) in conn.execute(query, [slot]).fetchall())

        yield read
        conn.execute("select pg_drop_replication_slot(%s)", [slot])


@pytest.fixture
def busy(app_dsn: str, changes: Callable[[], str]) -> str:
    """Return all changes of a workload in which every action ran."""
    perform(app_dsn, [action for _, action in WEIGHTED] * 12)
    return changes()


def run_until(workload: Workload, transactions: int) -> WorkloadStats:
    workload.start()
    assert eventually(lambda: workload._stats.transactions >= transactions, 60)
    return workload.stop()


def perform(dsn: str, actions: list[Action], seed: int = 5) -> int:
    """Run each action once, in one transaction each; return their changed rows."""
    rows = 0
    with psycopg.connect(dsn, autocommit=True) as conn:
        hand = Hand(conn, seed)
        for action in actions:
            with conn.transaction():
                rows += action(hand)
    return rows


def test_it_writes_until_it_is_stopped(app_dsn: str, changes: Callable[[], str]) -> None:
    stats = run_until(Workload(app_dsn, seed=1, rate_per_second=100), 20)
    assert stats.rows >= stats.transactions
    assert len(_CHANGE.findall(changes())) >= stats.rows
    assert changes() == ""


def test_most_tables_see_inserts_updates_and_deletes(busy: str) -> None:
    seen: dict[str, set[str]] = {"INSERT": set(), "UPDATE": set(), "DELETE": set()}
    for table, kind in _CHANGE.findall(busy):
        seen[kind].add(table.strip('"'))
    assert len(seen["INSERT"]) == 18
    assert len(seen["UPDATE"]) >= 10
    assert len(seen["DELETE"]) >= 8


def test_no_key_is_updated_and_nothing_truncated(busy: str) -> None:
    assert "UPDATE: id" in busy
    assert "old-key:" not in busy
    assert "TRUNCATE" not in busy


def test_the_table_without_a_key_only_grows(busy: str) -> None:
    kinds = {kind for table, kind in _CHANGE.findall(busy) if table == "feature_usage"}
    assert kinds == {"INSERT"}


def test_large_images_are_written_but_none_larger_than_the_largest(
    app_dsn: str, kgc_source: str
) -> None:
    upload = next(action for _, action in WEIGHTED if action.__name__ == "upload_image")
    perform(app_dsn, [upload] * 12)
    with psycopg.connect(kgc_source) as conn:
        sizes = conn.execute(
            "select count(*) filter (where n > 32768), count(*) filter (where n > 1048576), max(n)"
            " from (select octet_length(image) n from motivational_images where id > 120) i"
        ).fetchone()
    assert sizes is not None
    assert sizes[:2] == (6, 2)
    assert sizes[2] < LARGEST_IMAGE_BYTES


def test_what_is_rolled_back_is_not_counted(app_dsn: str, changes: Callable[[], str]) -> None:
    change_mind = next(action for _, action in WEIGHTED if action.__name__ == "change_mind")
    assert perform(app_dsn, []) == 0
    with psycopg.connect(app_dsn, autocommit=True) as conn, conn.transaction():
        change_mind(Hand(conn, 1))
    assert _CHANGE.findall(changes()) == []


def test_no_doctor_is_ever_deleted(busy: str) -> None:
    gone = re.findall(r"public\.users: DELETE: id\[bigint\]:(\d+)", busy)
    assert gone
    assert min(map(int, gone)) > 2000


def test_one_seed_twice_does_not_collide(app_dsn: str) -> None:
    everything = [action for _, action in WEIGHTED] * 2
    assert perform(app_dsn, everything, seed=5) > 0
    assert perform(app_dsn, everything, seed=5) > 0


def test_the_rate_is_bounded(app_dsn: str) -> None:
    began = time.monotonic()
    stats = run_until(Workload(app_dsn, seed=1, rate_per_second=20), 10)
    assert stats.transactions <= 1 + 20 * (time.monotonic() - began)


def test_an_error_while_working_surfaces_at_stop(app_dsn: str, kgc_source: str) -> None:
    workload = Workload(app_dsn, seed=1, rate_per_second=500)
    workload.start()
    with psycopg.connect(kgc_source) as conn:
        conn.execute("revoke insert on health_metrics, feature_usage from kgc_app")
    assert eventually(lambda: workload._error is not None, 60)
    with pytest.raises(ServerError, match=r"gave up after \d+ transactions: .*SQLSTATE 42501"):
        workload.stop()


def test_a_wrong_password_surfaces_at_start_without_it(app_dsn: str) -> None:
    wrong = make_conninfo(app_dsn, password="not-it-51ce")
    with pytest.raises(ServerError, match="the workload cannot connect") as failure:
        Workload(wrong, seed=1, rate_per_second=1).start()
    assert "not-it-51ce" not in str(failure.value)


def test_stopping_what_never_started_is_harmless(app_dsn: str) -> None:
    assert Workload(app_dsn, seed=1, rate_per_second=1).stop() == WorkloadStats(0, 0)
