"""Benchmark of the freeze: the time without an accepted write, and what it is made of.

A client writes through the documented pool while a migration by the local DMS is cut over. Parts
can be measured alone, and their results are kept together in one file.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Timer
from typing import Any

import freeze_locks
from freeze_site import Servers, Site, loaded_site, running_servers, say

from pgcutover.cutover.resolver import Side
from pgcutover.cutover.wiring import make_gate, open_databases

_CHANGED_KEYS = 100_000
_OPEN_KEYS = 10_000
_QUIET_SECONDS = 2.0
_DDL_AFTER_SECONDS = 0.1
# what an application may run in the freeze; each waits until its end
_DDL = ("alter table settings add if not exists later int", "truncate settings")
TARGETS: Mapping[str, float] = {
    "write_gap_seconds": 1.0,
    "write_gap_worst_seconds": 2.5,
    "client_errors_before_switch": 0,
    "freeze_to_verdict_seconds": 0.8,
    "growth_1m_to_20m": 1.1,
    "open_10k_seconds": 2.0,
    "lock_500_tables_ms": 50.0,
    "release_after_death_seconds": 0.2,
    "ddl_gap_worst_seconds": 2.5,
}
"""The largest value of each figure that meets its target; more is in the results."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measured cutover."""

    gap: float
    errors: int
    to_verdict: float
    drain: float
    tries: int


def run(arguments: argparse.Namespace) -> int:
    """Measure the parts that are wanted, print the figures, and add them to the file."""
    path: Path | None = arguments.json
    figures: dict[str, Any] = json.loads(path.read_text()) if path and path.exists() else {}
    with running_servers(arguments.task_seconds) as running:
        for part in arguments.only:
            load = os.getloadavg()[0]
            found = {**PARTS[part](running, arguments), f"{part}_load_average": round(load, 1)}
            figures |= found
            for name, value in found.items():
                say(f"{name}: {value}{_judge(name, value)}")
            if path:
                path.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    return 0


def _judge(name: str, value: Any) -> str:
    if (target := TARGETS.get(name)) is None:
        return ""
    return f" (target {target:g}: {'met' if value <= target else 'missed'})"


def _measure_gap(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    runs = [_cut_over(running, n, arguments.rows) for n in range(arguments.runs)]
    gaps = [each.gap for each in runs]
    return {
        "write_gap_rows": arguments.rows,
        "write_gap_runs": gaps,
        "write_gap_seconds": round(statistics.median(gaps), 3),
        "write_gap_worst_seconds": max(gaps),
        "client_errors_before_switch": sum(each.errors for each in runs),
        "freeze_to_verdict_seconds": round(statistics.median(e.to_verdict for e in runs), 3),
        "drain_seconds": round(statistics.median(each.drain for each in runs), 3),
        "freeze_tries": [each.tries for each in runs],
    }


def _measure_growth(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    sizes = (arguments.rows, arguments.large_rows)
    gaps = {
        rows: [_cut_over(running, 100 + n, rows).gap for n in range(arguments.growth_runs)]
        for rows in sizes
    }
    small, large = (statistics.median(gaps[rows]) for rows in sizes)
    return {
        "growth_rows": list(sizes),
        "growth_gaps": [gaps[rows] for rows in sizes],
        "growth_1m_to_20m": round(large / small, 2),
    }


def _measure_ddl(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    """Cut over while the application alters or truncates a table 100 ms into the freeze."""
    runs = [
        _cut_over(running, 200 + n, arguments.rows, statement)
        for n, statement in enumerate(_DDL * arguments.ddl_runs)
    ]
    return {
        "ddl_gaps": [each.gap for each in runs],
        "ddl_gap_worst_seconds": max(each.gap for each in runs),
        "ddl_client_errors": sum(each.errors for each in runs),
    }


def _measure_proof(running: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    """Prove 10,000 open keys by the ledgers, and everything by reading it, on one database."""
    with loaded_site(running, 300, arguments.rows) as site:
        site.compare_once()
        with site.ledgers() as ledgers:
            site.execute(Side.SOURCE, _change(_OPEN_KEYS))
            _wait_for_balance(site, _OPEN_KEYS)
            begun = time.monotonic()
            ledgers.drain(begun + 60)
            keys = ledgers.open_set().keys
            ledgers.settle_all(begun + 60)
            verdict = ledgers.proof().verdict.name
            seconds = time.monotonic() - begun
        databases = open_databases(site.settings)
        rows = make_gate(_without_ledger(site), databases)
        with closing(rows):
            begun = time.monotonic()
            rows.prove(Side.SOURCE, 3_600)
            full = time.monotonic() - begun
    say(f"{keys} open keys: {verdict}")
    return {
        "open_10k_keys": keys,
        "open_10k_verdict": verdict,
        "open_10k_seconds": round(seconds, 3),
        "full_verify_rows": arguments.rows,
        "full_verify_seconds": round(full, 2),
    }


def _without_ledger(site: Site) -> Any:
    text = (site.folder / "migration.toml").read_text()
    own = site.folder / "full.toml"
    head, _, rest = text.partition("[ledger]")
    own.write_text(head + rest[rest.index("[cutover") :])
    from pgcutover.config import load_settings

    return load_settings(own)


def _cut_over(running: Servers, number: int, rows: int, statement: str = "") -> Run:
    with loaded_site(running, number, rows) as site:
        site.compare_once()
        with site.client() as record:
            site.execute(Side.SOURCE, _change(min(_CHANGED_KEYS, rows)))
            _wait_for_balance(site, min(_CHANGED_KEYS, rows))
            begun = time.monotonic()
            _with_ddl(site, statement)
            time.sleep(_QUIET_SECONDS)  # writes after the opening
        return _judge_run(site, record, begun)


def _with_ddl(site: Site, statement: str) -> None:
    """Cut over; the statement is run soon after the lock was granted."""
    if not statement:
        site.cut_over()
        return

    def execute() -> None:
        try:
            site.execute(Side.SOURCE, statement)
        except Exception as error:  # refused by the fence, as every write is
            say(f"{statement}: {getattr(error, 'sqlstate', None) or type(error).__name__}")

    def watch(text: str) -> None:
        if text.startswith("lock ("):
            Timer(_DDL_AFTER_SECONDS, execute).start()

    site.cut_over(watch)


def _change(keys: int) -> str:
    return f"update accounts set note = 'changed' where id <= {keys}"


def _wait_for_balance(site: Site, keys: int) -> None:
    query = f"select count(*) from accounts where id <= {keys} and note = 'changed'"
    while site.execute(Side.TARGET, query) != [(keys,)]:
        time.sleep(0.5)


def _judge_run(site: Site, record: Path, begun: float) -> Run:
    accepted: dict[str, list[float]] = {}
    errors = []
    ends = {text.split(" (")[0]: at for text, at in site.timeline}
    for line in record.read_text().splitlines():
        kind, detail, at = line.split()
        if kind == "ok":
            accepted.setdefault(detail, []).append(float(at))
        else:
            errors.append((float(at), detail))
    fenced = ends["fence writer"] - site.facts("fence writer")["seconds"]
    early = [detail for at, detail in errors if at < fenced]
    gap = max(
        later - earlier
        for times in accepted.values()
        for earlier, later in pairwise(times)
        if later > begun
    )
    lock, drain = site.facts("lock"), site.facts("drain")
    to_verdict = ends["final gate"] - (ends["lock"] - lock["lock_seconds"])
    for text, _ in site.timeline:
        say(text)
    say(f"gap {gap:.3f} s, errors before the switch {early}")
    return Run(
        round(gap, 3), len(early), round(to_verdict, 3), drain["drain_seconds"], lock["tries"]
    )


PARTS: Mapping[str, Callable[[Servers, argparse.Namespace], dict[str, Any]]] = {
    "gap": _measure_gap,
    "growth": _measure_growth,
    "ddl": _measure_ddl,
    "proof": _measure_proof,
    **freeze_locks.PARTS,
}
