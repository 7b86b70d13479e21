"""Continuous settlement: compares open keys again until they are equal."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from pgcutover.compare import Comparer
from pgcutover.compare.snapshots import Taken
from pgcutover.errors import UnreadableError
from pgcutover.ledger.coverage import TableKeys, record_keys, require_primary
from pgcutover.ledger.model import Key, SettleResult
from pgcutover.ledger.reading.changes import key_values
from pgcutover.ledger.store import Store
from pgcutover.mapping import MappedTable
from pgcutover.sides import LABELS, Sides

_LONGEST_WAIT_SECONDS = 5.0
# a key that differed waits twice as long after each attempt: its change may be in flight
_OPEN = """
select distinct c.key from change c left join attempt a on a.name = c.name and a.key = c.key
 where c.name = ?1 and c.key > ?2 and c.key <= ?3
   and (?4 or a.at is null or a.at + min(0.1 * (1 << min(a.tries, 10)), ?5) < ?6)
 order by c.key limit ?7
"""
_LAST_KEY = "~"  # a key is a JSON array, so its text is before this
_SETTLED_TABLES = """
select c.name from compared c
 where c.baseline_source is not null and c.altered is null
   and not exists (select 1 from whole w where w.name = c.name)
   and exists (select 1 from change k where k.name = c.name)
 order by c.name
"""


class Settler:
    """Compares open keys in small batches, within the load that the comparer may cause."""

    def __init__(self, store: Store, comparer: Comparer, tables: Mapping[str, MappedTable]) -> None:
        """Compare nothing yet; `tables` are the followed ones by name."""
        self._store, self._comparer, self._tables = store, comparer, tables
        self._cursors: dict[str, Key] = {}
        self.unreadable: dict[str, str] = {}

    def settle(self, limit: int, *, wait: bool) -> SettleResult:
        """Compare up to `limit` open keys; with `wait`, none that was compared just before.

        Tables without a comparison of all their rows are left out: they need one anyway.
        """
        begin, batches = time.monotonic(), self._open_keys(limit, wait=wait)
        compared = sum(map(len, batches.values()))
        if not compared:
            return SettleResult()
        found = self._compare(batches)
        closed = sum(record_keys(self._store, keys, taken) for keys, taken in found)
        differing = sum(len(keys.differing) for keys, _ in found)
        seconds = time.monotonic() - begin
        self._store.count(compared=compared, compare_seconds=seconds)
        return SettleResult(compared, closed, differing, seconds)

    def _open_keys(self, limit: int, *, wait: bool) -> dict[str, list[Key]]:
        batches: dict[str, list[Key]] = {}
        for (name,) in self._store.fetch(_SETTLED_TABLES):
            if limit <= 0:
                break
            if name in self._tables:
                batches[name] = self._next_keys(name, limit, wait=wait)
                limit -= len(batches[name])
        return {name: keys for name, keys in batches.items() if keys}

    def _next_keys(self, name: str, limit: int, *, wait: bool) -> list[Key]:
        """Return keys from where the last batch ended, then from the beginning."""

        def fetch(after: Key, until: Key, most: int) -> list[Key]:
            when = (not wait, _LONGEST_WAIT_SECONDS, time.time())
            return [key for (key,) in self._store.fetch(_OPEN, name, after, until, *when, most)]

        cursor = self._cursors.get(name, "")
        found = fetch(cursor, _LAST_KEY, limit)
        if cursor and len(found) < limit:
            found += fetch("", cursor, limit - len(found))
        if found:
            self._cursors[name] = found[-1]
        return found

    def _compare(
        self, batches: Mapping[str, Sequence[Key]]
    ) -> list[tuple[TableKeys, Sides[Taken]]]:
        with ExitStack() as stack:
            taken = self._comparer.begin_keys()
            stack.callback(self._comparer.end_keys)
            for label, each in zip(LABELS, taken, strict=True):
                require_primary(label, each)
            found = []
            for name, keys in batches.items():
                if (compared := self._compare_table(name, keys)) is not None:
                    found.append((compared, taken))
            return found

    def _compare_table(self, name: str, keys: Sequence[Key]) -> TableKeys | None:
        """Return the result for a table; None if it cannot be read, which leaves its keys open."""
        try:
            result = self._comparer.keys(self._tables[name], [key_values(key) for key in keys])
        except UnreadableError as error:
            self.unreadable[name] = str(error)
            return None
        self.unreadable.pop(name, None)
        return TableKeys(name, [keys[n] for n in result.equal], [keys[n] for n in result.differing])
