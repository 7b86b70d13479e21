"""Runs pgbench on the source, alternately alone and beside a comparison."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from threading import Event, Thread

import peers
import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgcutover.config import Budgets
from pgcutover.provision.pg_dump import PgDump, find_pg_dumps

SECONDS, CLIENTS, SCALE = 40, 2, 20
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def pairs(
    dsns: tuple[str, str], count: int, say: Callable[[str], None]
) -> Iterator[tuple[float, float]]:
    """Yield transactions a second without and with a comparison running all the time.

    The order alternates and each run starts vacuumed, because every run would otherwise be slower
    than the one before.
    """
    program = find_pg_dumps()[0]
    _run(program, dsns[0], ["-i", "-q", "-s", str(SCALE)])
    load = ["-T", str(SECONDS), "-c", str(CLIENTS), "-j", "2", "-n", "-M", "prepared"]
    _tps(program, dsns[0], load)

    def alone() -> float:
        _tidy(dsns[0])
        return _tps(program, dsns[0], load)

    def beside() -> float:
        _tidy(dsns[0])
        return _beside(dsns, lambda: _tps(program, dsns[0], load))

    for n in range(count):
        if n % 2:
            with_us, without = beside(), alone()
        else:
            without, with_us = alone(), beside()
        say(f"pgbench: {without:.0f} tps alone, {with_us:.0f} beside a comparison")
        yield without, with_us


def fill(dsn: str) -> None:
    """Create pgbench's tables and their rows."""
    _run(find_pg_dumps()[0], dsn, ["-i", "-q", "-s", str(SCALE)])


def measure(dsn: str, seconds: int) -> float:
    """Return transactions a second, after a vacuum and a checkpoint."""
    _tidy(dsn)
    load = ["-T", str(seconds), "-c", str(CLIENTS), "-j", "2", "-n", "-M", "prepared"]
    return _tps(find_pg_dumps()[0], dsn, load)


def _tidy(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def _beside(dsns: tuple[str, str], measure: Callable[[], float]) -> float:
    end = Event()

    def compare() -> None:
        while not end.is_set():
            peers.ours(dsns, "public", "t", Budgets().max_source_load)

    thread = Thread(target=compare)
    thread.start()
    try:
        return measure()
    finally:
        end.set()
        thread.join()


def _tps(program: PgDump, dsn: str, arguments: list[str]) -> float:
    said = _run(program, dsn, arguments)
    match = _TPS.search(said)
    if match is None:
        raise RuntimeError(f"pgbench printed no tps: {said}")
    return float(match[1])


def _run(program: PgDump, dsn: str, arguments: list[str]) -> str:
    told = conninfo_to_dict(dsn)
    env = os.environ | dict(program.env) | peers.environment((dsn, dsn))
    command = [str(program.path.with_name("pgbench")), *arguments]
    where = ["-h", str(told["host"]), "-p", str(told["port"]), "-U", str(told["user"])]
    done = subprocess.run(
        [*command, *where, str(told["dbname"])], env=env, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return done.stdout.decode()
