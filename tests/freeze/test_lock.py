"""The freeze's locks, and the ways in which they end."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg
import pytest
from freeze.conftest import TABLES, Site, statement_result
from freeze.network import cuttable
from psycopg.sql import SQL

from pgcutover.compare.scan.sessions import SideSession
from pgcutover.connect import open_watch, open_writer
from pgcutover.errors import FreezeError
from pgcutover.freeze import PoolerHooks, find_fenced, hold_tables, remove_fence
from pgcutover.mapping import RelationName

INSERT = "insert into app.plain (body) values ('late')"


@contextmanager
def waiting(dsn: str, *statements: str) -> Iterator[list[str]]:
    """Run the statements in sessions of their own; the list holds their results at the end."""
    results: list[str] = []
    with ThreadPoolExecutor(len(statements)) as pool:
        futures = [pool.submit(statement_result, dsn, statement) for statement in statements]
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not blocked(connection, len(statements)):
                time.sleep(0.01)
        yield results
        results += [future.result() for future in futures]


def blocked(connection: psycopg.Connection, count: int) -> bool:
    row = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and wait_event_type = 'Lock'"
    ).fetchone()
    return row is not None and row[0] >= count


def locks(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select count(*) from pg_locks where mode = 'ShareLock' and granted"
            " and relation = 'app.plain'::regclass"
        ).fetchone()
    return int(row[0]) if row else 0


def test_every_table_and_partition_is_locked_and_writers_only_wait(site: Site) -> None:
    with site.freeze() as freeze:
        result = freeze.lock()
        names = {r.name.name for r in freeze.relations}
        assert names == {"plain", "parts", "parts_old", "parts_new", "parts_one", "heir"}
        assert (result.tries, result.given_up) == (1, 0)
        with waiting(site.dsn, INSERT, "delete from app.parts_one", "truncate app.heir") as results:
            freeze.verify()
            assert statement_result(site.dsn, "insert into app.marker values (gen_random_uuid())")
            freeze.rollback()
        assert results == ["ok", "ok", "ok"]
        assert not freeze.is_locked


def test_a_prepared_transaction_prevents_the_freeze_and_is_named(site: Site) -> None:
    with psycopg.connect(site.dsn, autocommit=True) as connection:
        connection.execute("begin")
        connection.execute(INSERT)
        connection.execute(f"prepare transaction '{site.name}'")
        with site.freeze(lock_timeout_seconds=0.01, tries=2) as freeze:
            with pytest.raises(FreezeError, match=r"2 tries.*plain held by a prepared transaction"):
                freeze.lock()
            assert not freeze.is_locked
        connection.execute(f"rollback prepared '{site.name}'")


def test_the_lock_is_granted_once_the_last_writer_has_ended(site: Site) -> None:
    with (
        psycopg.connect(site.dsn) as writer,
        psycopg.connect(site.dsn, autocommit=True) as watch,
        site.freeze(tries=100) as freeze,
        ThreadPoolExecutor(1) as pool,
    ):
        writer.execute(INSERT)
        freeze.prepare()
        result = pool.submit(freeze.lock)
        while not blocked(watch, 1):
            time.sleep(0.01)
        assert not freeze.is_locked
        writer.commit()
        assert result.result().tries >= 1
        assert freeze.is_locked
        assert freeze.seconds_left > 0


def test_an_access_exclusive_request_before_the_freeze_gets_the_table(site: Site) -> None:
    with site.freeze() as freeze:
        freeze.prepare()
        assert statement_result(site.dsn, "set lock_timeout to '5s'; truncate app.heir") == "ok"
        result = freeze.lock()
        assert result.given_up == 1
        freeze.rollback()


def test_ddl_in_the_freeze_stops_neither_the_gate_nor_the_fence(site: Site) -> None:
    with (
        psycopg.connect(site.dsn) as gate,
        closing(SideSession("source", site.dsn)) as comparing,
        site.freeze() as freeze,
    ):
        freeze.prepare()
        gate.execute("lock table app.plain in access share mode")
        comparing.hold(lambda connection: hold_tables(connection, freeze.relations, 1.0))
        assert statement_result(site.dsn, INSERT) == "ok"  # the snapshot is taken later
        freeze.lock()
        with waiting(
            site.dsn, "truncate app.plain", "alter table app.plain add later int", INSERT
        ) as results:
            rows = gate.execute("select count(*) from app.plain").fetchone()
            comparing.begin_freeze()
            comparing.snapshot()
            assert comparing.fetch(SQL("select count(*) from app.plain"))[0] == [rows]
            comparing.end_freeze()
            freeze.fence_and_commit(lambda _: None)
            gate.rollback()
        assert results == ["25006", "ok", "25006"]
    with open_writer(site.dsn) as connection:
        assert connection.execute("select count(*) from app.plain").fetchone() == rows
        remove_fence(connection)


def test_the_server_ends_the_freeze_of_a_cut_network(site: Site) -> None:
    with (
        cuttable(site.dsn) as (through, cut),
        site.freeze(connect_to=through, budget_seconds=0.5) as freeze,
    ):
        freeze.lock()
        with waiting(site.dsn, INSERT) as results:
            cut()
        assert results == ["ok"]
    # 25P03 or a lost connection, by what has reached the client
    with site.freeze(budget_seconds=0.3) as freeze:
        freeze.lock()
        while locks(site.dsn):
            time.sleep(0.02)
        with pytest.raises(FreezeError, match="the freeze has ended"):
            freeze.fence_and_commit(lambda _: None)
    with open_watch(site.dsn) as connection:
        assert find_fenced(connection) == ()


KILLED = """
import sys, time
from pgcutover.connect import open_watch, open_writer
from pgcutover.freeze import Freeze, FreezeOptions
from pgcutover.mapping import RelationName
dsn = sys.stdin.readline()
freeze = Freeze(lambda: open_writer(dsn), lambda: open_watch(dsn), [RelationName("app", "plain")],
                FreezeOptions(budget_seconds=600))
freeze.lock()
print("locked", flush=True)
time.sleep(600)
"""


def test_writers_go_on_after_the_operator_was_killed(site: Site) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as operator:
        assert operator.stdin is not None
        assert operator.stdout is not None
        operator.stdin.write(site.dsn + "\n")
        operator.stdin.flush()
        assert operator.stdout.readline() == "locked\n"
        with waiting(site.dsn, INSERT) as results:
            operator.kill()
        assert results == ["ok"]


def test_the_hooks_mode_pauses_before_the_locks_and_resumes_in_every_case(site: Site) -> None:
    said: list[str] = []

    def pause() -> None:
        said.append("pause")
        if said.count("pause") == 2:
            raise FreezeError("the hook pause was killed after 5 s")

    def hooks() -> PoolerHooks:
        return PoolerHooks(pause, lambda: said.append("resume"))

    with site.freeze(pooler=hooks()) as freeze:
        freeze.lock()
        assert said == ["pause"]
        assert locks(site.dsn) == 1
    with (
        pytest.raises(FreezeError, match="killed after 5 s"),
        site.freeze(pooler=hooks()) as freeze,
    ):
        freeze.lock()
    assert said == ["pause", "resume", "pause", "resume"]
    assert locks(site.dsn) == 0


def test_a_table_that_is_gone_is_named(site: Site) -> None:
    with (
        site.freeze([*TABLES, RelationName("app", "gone")], tries=1) as freeze,
        pytest.raises(FreezeError, match=r"app\.gone does not exist"),
    ):
        freeze.lock()
