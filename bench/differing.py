"""Benchmark of what is explained: many differing tables, and differing values of great size.

A gate over differing tables is measured against one over the same tables before they differ, and
the comparison of great values against moving them from one server to the other.
"""

import argparse
import json
import sys
import time
from typing import Any

import gate
import psycopg
from psycopg import sql
from schema import RULE

from pgcutover.catalog import read_manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.connect import open_session
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.mapping import parse_rules

_TABLES = 12
_ROWS = 50
_QUIET_SECONDS = 20.0  # longer than rechecks wait: nothing was written lately
_TEXT_BYTES, _BYTEA_BYTES = 300_000_000, 240_000_000
_DIFFERING_TARGET, _VALUES_TARGET = 1.3, 3.0

Servers = dict[str, RunningServer]


def run(arguments: argparse.Namespace) -> int:
    """Measure both ratios, print them, and write every figure."""
    specs = [ServerSpec("source", 15, {}), ServerSpec("target", 17, {})]
    figures: dict[str, Any] = {}
    with servers(specs, progress=gate.say) as running:
        figures |= _measure_tables(running)
        figures |= _measure_values(running)
    _print("differing_tables_ratio", figures, _DIFFERING_TARGET)
    _print("large_values_ratio", figures, _VALUES_TARGET)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _print(name: str, figures: dict[str, Any], limit: float) -> None:
    met = "met" if figures[name] <= limit else "missed"
    sys.stdout.write(f"{name}: {figures[name]:.2f} (target {limit}: {met}); {figures}\n")


def _measure_tables(running: Servers) -> dict[str, Any]:
    """Return the seconds of a gate over tables that are equal, and over the same that differ."""
    tables = [f"t{n}" for n in range(_TABLES)]
    made = [f"create table {t} (id int primary key, v text)" for t in tables]
    filled = [f"insert into {t} select i, 'x' from generate_series(1, {_ROWS}) i" for t in tables]
    gate.make(running, "bench_tables", [*made, *filled, "analyze"])
    _let_rest(running)
    equal = gate.measure(running, "bench_tables")["seconds"]
    with psycopg.connect(running["target"].dsn("bench_tables"), autocommit=True) as connection:
        for table in tables:
            connection.execute(f"delete from {table} where id = 7".encode())
    _let_rest(running)
    differing = gate.measure(running, "bench_tables", exit_code=1)["seconds"]
    return {
        "equal_tables_seconds": equal,
        "differing_tables_seconds": differing,
        "differing_tables_ratio": round(differing / equal, 2),
    }


def _let_rest(running: Servers) -> None:
    """Leave the servers as they are some minutes after the last write, with a checkpoint since."""
    for server in running.values():
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("checkpoint")
    time.sleep(_QUIET_SECONDS)


def _measure_values(running: Servers) -> dict[str, Any]:
    """Return the seconds to compare and explain two great values, and to move them."""
    gate.make(
        running,
        "bench_values",
        [
            "create table v (id int primary key, document text, scan bytea)",
            f"insert into v select 1, repeat('0123456789', {_TEXT_BYTES // 10}),"
            f" decode(repeat('00ff7f80', {_BYTEA_BYTES // 4}), 'hex')",
            "analyze",
        ],
    )
    moved = _move(running, "bench_values")
    with psycopg.connect(running["target"].dsn("bench_values"), autocommit=True) as connection:
        connection.execute("update v set document = overlay(document placing 'x' from 299999990)")
        connection.execute("update v set scan = set_byte(scan, 239999990, 1)")
    compared = _compare(running, "bench_values")
    return {
        "move_seconds": round(moved, 1),
        "compare_seconds": round(compared, 1),
        "large_values_ratio": round(compared / moved, 2),
    }


def _move(running: Servers, database: str) -> float:
    """Return the seconds to copy the table's row through this process into another table."""
    begun = time.monotonic()
    with (
        psycopg.connect(running["source"].dsn(database)) as source,
        psycopg.connect(running["target"].dsn(database)) as target,
    ):
        target.execute("create table moved (like v)")
        read = source.cursor().copy("copy v to stdout (format binary)")
        write = target.cursor().copy("copy moved from stdin (format binary)")
        with read as rows, write as copied:
            for block in rows:
                copied.write(block)
    seconds = time.monotonic() - begun
    with psycopg.connect(running["target"].dsn(database), autocommit=True) as target:
        target.execute(sql.SQL("drop table moved"))
    return seconds


def _compare(running: Servers, database: str) -> float:
    dsns = [running[side].dsn(database) for side in ("source", "target")]
    with open_session(dsns[0]) as source, open_session(dsns[1]) as target:
        manifest = read_manifest(source, target, parse_rules({"rules": [RULE]}, "mapping.json"))
    comparer = Comparer(*dsns, manifest, CompareOptions(salt="salt"))
    begun = time.monotonic()
    try:
        found = comparer.rows(manifest.tables[0])
    finally:
        comparer.close()
    if not found:
        raise SystemExit("expected the great values to differ, found them equal")
    return time.monotonic() - begun
