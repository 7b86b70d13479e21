"""Parts of the freeze's benchmark that need no mover: locks, tries, vacuum, and a dead operator."""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from freeze_site import Servers, say

from pgcutover.connect import open_watch, open_writer
from pgcutover.errors import FreezeError
from pgcutover.freeze import Freeze, FreezeOptions
from pgcutover.mapping import RelationName

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "freeze"))

from network import cuttable

_TABLES = 500
_WRITERS = 6
_TRIES = 20
_BUDGET_SECONDS = 1.0
_WRITER = Path(__file__).with_name("freeze_writer.py")


@contextmanager
def _database(running: Servers, name: str) -> Iterator[str]:
    with psycopg.connect(running.source.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield running.source.dsn(name)
        connection.execute(f"drop database {name} with (force)".encode())


def _make(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _freeze(dsn: str, tables: int, options: FreezeOptions, through: str = "") -> Freeze:
    names = [RelationName("public", f"t{n}") for n in range(tables)]
    return Freeze(lambda: open_writer(through or dsn), lambda: open_watch(dsn), names, options)


def measure_lock(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    """Lock 500 tables that nobody writes."""
    with _database(running, "bench_lock") as dsn:
        _make(dsn, *(f"create table t{n} (id int primary key)" for n in range(_TABLES)))
        found = []
        for _ in range(10):
            with _freeze(dsn, _TABLES, FreezeOptions()) as freeze:
                found.append(freeze.lock().lock_seconds * 1000)
    return {"lock_500_tables_ms": round(statistics.median(found), 1)}


def measure_death(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    """Cut the network of the operator in the freeze, and wait for a write of a client."""
    with _database(running, "bench_death") as dsn:
        _make(dsn, "create table t0 (id int)")
        found = []
        for _ in range(5):
            with cuttable(dsn) as (through, cut):
                options = FreezeOptions(budget_seconds=_BUDGET_SECONDS)
                freeze = _freeze(dsn, 1, options, through)
                freeze.lock()
                begun = time.monotonic()
                cut()
                _make(dsn, "insert into t0 values (1)")
                found.append(time.monotonic() - begun - _BUDGET_SECONDS)
    return {
        "release_after_death_budget_seconds": _BUDGET_SECONDS,
        "release_after_death_seconds": round(max(found), 3),
    }


def measure_tries(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    """Freeze under writers of two random tables, which think between their statements."""
    with _database(running, "bench_tries") as dsn, ExitStack() as stack:
        _make(dsn, *(f"create table t{n} (id int primary key, n int)" for n in range(10)))
        _make(dsn, *(f"insert into t{n} select i, 0 from generate_series(1, 1000) i"
                     for n in range(10)))  # fmt: skip
        records = [stack.enter_context(_writer(dsn, n)) for n in range(_WRITERS)]
        time.sleep(1)
        tries = [_freeze_once(dsn, 10) for _ in range(_TRIES)]
        stack.close()
        gaps = [_longest_gap(record) for record in records]
    return {
        "tries_granted_of_20": len([n for n in tries if n]),
        "tries_each": tries,
        "tries_worst_gap_seconds": round(max(gaps), 3),
    }


def _freeze_once(dsn: str, tables: int) -> int:
    """Return the tries of a freeze; 0 where none was granted."""
    try:
        with _freeze(dsn, tables, FreezeOptions()) as freeze:
            result = freeze.lock()
            say(f"{result.tries} tries, waited {result.waited_seconds:.3f} s")
            return result.tries
    except FreezeError as error:
        say(str(error))
        return 0
    finally:
        time.sleep(0.5)


@contextmanager
def _writer(dsn: str, number: int) -> Iterator[list[float]]:
    command = [sys.executable, str(_WRITER), dsn, str(number), "10"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    times: list[float] = []
    try:
        yield times
    finally:
        output, _ = process.communicate()
        times += [float(line) for line in output.split()]


def _longest_gap(times: list[float]) -> float:
    return max(b - a for a, b in pairwise(times))


def measure_vacuum(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    """Freeze ten times while autovacuum works on the largest table."""
    with _database(running, "bench_vacuum") as dsn:
        _make(
            dsn,
            "create table t0 (id int primary key, note text) with (autovacuum_vacuum_cost_delay ="
            " 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,"
            " autovacuum_vacuum_scale_factor = 0)",
            "insert into t0 select i, repeat('x', 200) from generate_series(1, 500000) i",
            "alter system set autovacuum_naptime to '1s'",
            "select pg_reload_conf()",
        )
        granted = 0
        for _ in range(10):
            _make(dsn, "update t0 set note = 'y' where id % 50 = 1")
            _wait_for_vacuum(dsn)
            granted += bool(_freeze_once(dsn, 1))
        _make(dsn, "alter system reset autovacuum_naptime", "select pg_reload_conf()")
    return {"vacuum_granted_of_10": granted}


def _wait_for_vacuum(dsn: str) -> None:
    query = "select 1 from pg_stat_progress_vacuum where relid = 't0'::regclass"
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not connection.execute(query).fetchone():
            time.sleep(0.1)


PARTS: Mapping[str, Callable[[Servers, argparse.Namespace], dict[str, Any]]] = {
    "lock": measure_lock,
    "death": measure_death,
    "tries": measure_tries,
    "vacuum": measure_vacuum,
}
