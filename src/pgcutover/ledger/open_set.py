"""The open set as `status` and the report show it: its size, age, rates and forecast."""

import json
import time
from collections.abc import Iterable, Mapping

from pgcutover.ledger.model import OpenSet
from pgcutover.ledger.store import Store

NEVER_COMPARED = "no comparison has found it equal since the ledger began"
_WINDOW_SECONDS = 60.0
_COUNTERS = ("recorded", "closed", "compared", "compare_seconds")
_MOST_SAMPLES = 1_000


def read_open_set(store: Store, tables: Iterable[str], unfollowed: Mapping[str, str]) -> OpenSet:
    """Return the keys and tables that are not proven equal, with rates and forecast."""
    by_table = dict(
        store.fetch("select name, count(distinct key) from change group by name order by name")
    )
    (oldest,) = store.fetch("select min(at) from change")[0]
    keys = sum(by_table.values())
    grows, drains = _rates(store)
    return OpenSet(
        keys,
        max(0.0, time.time() - oldest) if oldest is not None else 0.0,
        by_table,
        _whole_tables(store, tables, unfollowed),
        grows,
        drains,
        keys / drains if drains else (None if keys else 0.0),
    )


def add_sample(store: Store) -> None:
    """Record the counters, from which rates are computed."""
    counters = json.dumps([store.counter(name) for name in _COUNTERS])
    with store.transaction() as database:
        database.execute("insert or replace into sample values (?, ?)", (time.time(), counters))
        database.execute(
            "delete from sample where at not in (select at from sample order by at desc limit ?)",
            (_MOST_SAMPLES,),
        )


def _whole_tables(
    store: Store, tables: Iterable[str], unfollowed: Mapping[str, str]
) -> dict[str, str]:
    """Return the tables that need a comparison of all rows, with the reason."""
    compared = {
        name: altered
        for name, altered in store.fetch(
            "select name, altered from compared where baseline_source is not null"
        )
    }
    marked = dict(store.fetch("select name, min(reason) from whole group by name"))
    found = {}
    for name in tables:
        if name in unfollowed:
            found[name] = unfollowed[name]
        elif name not in compared:
            found[name] = NEVER_COMPARED
        elif reason := marked.get(name) or compared[name]:
            found[name] = reason
    return found


def _rates(store: Store) -> tuple[float | None, float | None]:
    """Return the changes recorded a second of late, and the keys compared in a second of work."""
    now = [time.time(), *(store.counter(name) for name in _COUNTERS)]
    rows = store.fetch(
        "select at, counters from sample where at >= ? order by at limit 1",
        now[0] - _WINDOW_SECONDS,
    )
    if not rows:
        return None, None
    then = [rows[0][0], *json.loads(rows[0][1])]
    seconds, recorded, _, compared, busy = (a - b for a, b in zip(now, then, strict=True))
    grows = recorded / seconds if seconds > 0 else None
    return grows, compared / busy if busy > 0 else None
