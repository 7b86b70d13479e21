"""Benchmark of reading catalogs and schemas of many tables, against pg_dump, pair by pair."""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import psycopg

from pgcutover.catalog import read_manifest
from pgcutover.connect import open_session
from pgcutover.embedded.server import ServerSpec, servers
from pgcutover.mapping import parse_rules
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.schema.collect import EVERY_KIND
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.sides import fetch_both

TARGET_SECONDS = 5.0
_COLUMNS, _INDEXES, _BATCH = 20, 5, 50
_TYPES = ("integer", "text", "numeric(10,2)", "timestamptz")
RULE = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-name": "1",
    "rule-action": "include",
    "object-locator": {"schema-name": "public", "table-name": "%"},
}


def run(arguments: argparse.Namespace) -> int:
    """Measure, print and write the results."""
    settings = {"max_locks_per_transaction": "1024"}
    specs = [ServerSpec("source", 15, settings), ServerSpec("target", 17, settings)]
    with servers(specs, progress=_say) as running:
        dsns = (running["source"].dsn(), running["target"].dsn())
        for dsn in dsns:
            _make(dsn, arguments.tables)
        seconds: dict[str, list[float]] = {}
        parts = [("ours", _ours), ("pg_dump", _dumps)]
        for n in range(arguments.runs + 1):
            for name, part in reversed(parts) if n % 2 else parts:
                seconds.setdefault(name, []).append(round(_clocked(part, dsns), 3))
                _say(f"{name}: {seconds[name][-1]:.2f} s")
    pairs = [d / o for o, d in zip(seconds["ours"], seconds["pg_dump"], strict=True)]
    answer = {
        "tables": arguments.tables,
        "seconds": seconds,
        "schema_seconds": statistics.median(seconds["ours"][1:]),
        "ratios": {"vs_pg_dump": round(statistics.median(pairs[1:]), 3)},
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1) + "\n")
    sys.stdout.write(_table(answer))
    return 0


def _make(dsn: str, tables: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for first in range(0, tables, _BATCH):
            numbers = range(first, min(first + _BATCH, tables))
            connection.execute("; ".join(map(_table_sql, numbers)).encode())


def _table_sql(n: int) -> str:
    columns = ", ".join(
        f"c{i} {_TYPES[i % 4]}{' not null' if i % 2 else ''}{' default 1' if not i % 4 else ''}"
        for i in range(_COLUMNS - 1)
    )
    made = [f"create table t{n} (id serial primary key, {columns})"]
    if n:
        made += [
            f"alter table t{n} add foreign key (c0) references t{n - 1}",
            f"alter table t{n} add check (c4 > 0)",
        ]
    made += [f"create index on t{n} (c{i}, c{i + 1})" for i in range(_INDEXES - 1)]
    return "; ".join(made)


def _clocked(part: Callable[[tuple[str, str]], None], dsns: tuple[str, str]) -> float:
    start = monotonic()
    part(dsns)
    return monotonic() - start


def _ours(dsns: tuple[str, str]) -> None:
    rules = parse_rules({"rules": [RULE]}, "the bench's rules")
    with open_session(dsns[0]) as one, open_session(dsns[1]) as other:
        read_manifest(one, other, rules)
        fetch_both(
            lambda: collect_snapshot(one, EVERY_KIND),
            lambda: collect_snapshot(other, EVERY_KIND),
            (one, other),
        )


def _dumps(dsns: tuple[str, str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda dsn: [dump_section(dsn, s) for s in SECTIONS], dsns))


def _table(answer: dict[str, Any]) -> str:
    seconds = answer["schema_seconds"]
    met = "met" if seconds <= TARGET_SECONDS else "missed"
    return (
        f"{answer['tables']:,} tables x {_COLUMNS} columns x {_INDEXES} indexes on both sides: "
        f"catalogs and snapshots {seconds:.2f} s (target {TARGET_SECONDS:.0f} s: {met}), "
        f"pg_dump of both takes {answer['ratios']['vs_pg_dump']:.2f} of that\n"
    )


def _say(text: str) -> None:
    sys.stderr.write(f"  {text}\n")
