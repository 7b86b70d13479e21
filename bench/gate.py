"""Benchmark of a whole gate over a table with many partitions, and over many empty tables.

Seconds depend on what else the machine does, so the processor time of the gate's processes (its
scratch server included) and of both servers is measured too.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from schema import RULE

from pgcutover.embedded.server import RunningServer, ServerSpec, servers

_SETTINGS = {"max_locks_per_transaction": "4096"}
_MIGRATION = """
name = "bench"
table_mappings = "mapping.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
"""


def run(arguments: argparse.Namespace) -> int:
    """Run the gate over both databases, print and write the results."""
    shapes = {
        f"{arguments.partitions:,} partitions": (_partitions(arguments.partitions), 30.0),
        f"{arguments.tables:,} empty tables": (_tables(arguments.tables), 60.0),
    }
    specs = [ServerSpec("source", 15, _SETTINGS), ServerSpec("target", 17, _SETTINGS)]
    answer: dict[str, Any] = {}
    with servers(specs, progress=say) as running:
        for n, (name, (statements, limit)) in enumerate(shapes.items()):
            database = f"bench_{n}"
            make(running, database, list(statements))
            runs = [measure(running, database) for _ in range(arguments.runs)]
            seconds = statistics.median(each["seconds"] for each in runs)
            met = "met" if seconds <= limit else "missed"
            sys.stdout.write(f"{name}: {seconds:.1f} s (target {limit:.0f} s: {met}); {runs}\n")
            answer[name] = {"target_seconds": limit, "seconds": seconds, "runs": runs}
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1) + "\n")
    return 0


def _partitions(number: int) -> Iterator[str]:
    yield (
        "create table events (id bigint, at timestamptz, kind text not null default 'x',"
        " cost numeric(10,2), note text, constraint cost_check check (cost >= 0),"
        " primary key (id, at)) partition by range (id)"
    )
    yield "create index on events (kind)"
    yield "create index on events (at, cost)"
    for n in range(number):
        bounds = f"from ({n * 1000}) to ({(n + 1) * 1000})"
        yield f"create table events_{n} partition of events for values {bounds}"
    yield (
        "insert into events select i, timestamptz '2026-01-01' + i * interval '1 s',"
        f" 'k' || i % 7, i % 100 from generate_series(0, {number * 1000 - 1}, 100) i"
    )
    yield "analyze"


def _tables(number: int) -> Iterator[str]:
    for n in range(number):
        yield (
            f"create table t{n} (id serial primary key, a int not null, b text default 'x',"
            " c numeric(10,2) check (c >= 0), d timestamptz, e jsonb)"
        )
        yield f"create index on t{n} (a)"
        yield f"create index on t{n} (d, c)"
        if n:
            yield f"alter table t{n} add foreign key (a) references t{n - 1}"


def make(running: dict[str, RunningServer], database: str, statements: list[str]) -> None:
    """Create the same database on both servers."""
    for server in running.values():
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"create database {database} template template0".encode())
        with psycopg.connect(server.dsn(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def measure(
    running: dict[str, RunningServer], database: str, exit_code: int = 0
) -> dict[str, float]:
    """Run one gate; return its seconds and the processor time of its processes and servers."""
    dsns = {f"PGCUTOVER_{n.upper()}_DSN": s.dsn(database) for n, s in running.items()}
    command = [sys.executable, "-m", "pytest", "--pyargs", "pgcutover.checks", "-n", "2", "-q"]
    with tempfile.TemporaryDirectory(prefix="pgcutover-bench-") as folder:
        Path(folder, "migration.toml").write_text(_MIGRATION)
        Path(folder, "mapping.json").write_text(json.dumps({"rules": [RULE]}))
        of_servers, of_gate, start = _server_seconds(running), _gate_seconds(), monotonic()
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **dsns}, capture_output=True, text=True
        )
        seconds = monotonic() - start
    if done.returncode != exit_code:
        raise SystemExit(f"the gate ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return {
        "seconds": round(seconds, 1),
        "gate_cpu_seconds": round(_gate_seconds() - of_gate, 1),
        "servers_cpu_seconds": round(_server_seconds(running) - of_servers, 1),
    }


def _gate_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _server_seconds(running: dict[str, RunningServer]) -> float:
    """Return the processor time of both servers' ended sessions."""
    ticks = 0
    for server in running.values():
        fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[13]) + int(fields[14])
    return ticks / os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """Print progress."""
    sys.stderr.write(f"  {text}\n")
