"""The relay's protocol. Each step is needed; tests/outbox/test_mutations.py removes one at a time.

1. target: begin, and try the locks of some buckets;
2. source: read the entries of these buckets;
3. source: read the rows of their keys, in later snapshots;
4. source: wait until all that these snapshots saw is on disk;
5. target: write the rows and commit, which releases the locks;
6. source: delete exactly these entries.

A lock that is held from before the entries are read until the write is committed keeps another
relay from writing an older row of the same key later. It is held by the writing transaction itself,
so it cannot be lost while that transaction goes on. A relay that is killed after 5 leaves entries
whose rows are then written again.
"""

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress

import psycopg

from pgcutover.error_texts.database_errors import describe_error
from pgcutover.outbox.model import BARRIER, BUCKETS
from pgcutover.outbox.routes import Route
from pgcutover.outbox.source import Batch, Entry, Key, Row, SourceSide
from pgcutover.outbox.target import TargetSide

GROUP = 16
"""Buckets of one transaction: the others are left to other relays."""
MAX_BYTES = 64 << 20
"""Size of rows after which a batch takes no more: it is held in memory."""
_PAGE = 1_000
_LONGEST_CHAIN = 50
_PARKABLE = ("22", "23", "44", "54", "P0")
_MISSING_PARENT = "23503"
_PATIENCE_SECONDS = 10.0
Rows = Mapping[int, Mapping[Key, Row | None]]
Failed = dict[tuple[int, Key], str]


class Relay:
    """Writes the rows of the outbox to the target. Errors of a connection end it: open a new one.

    `hook` is called with the name of each step that is done.
    """

    def __init__(
        self, source: SourceSide, target: TargetSide, routes: Sequence[Route], batch_keys: int
    ) -> None:
        """Take open connections."""
        self.source, self.target, self._batch_keys = source, target, batch_keys
        self._routes = routes
        self._by_number = {route.table.number: route for route in routes}
        self._waiting_since: dict[tuple[int, Key], float] = {}
        self.hook: Callable[[str], None] = lambda _: None

    def close(self) -> None:
        """Close both connections."""
        for side in (self.source, self.target):
            with suppress(psycopg.Error):
                side.connection.close()

    def run_once(self) -> int:
        """Write what is pending once; return the number of entries that were deleted."""
        pending = self.source.pending()
        done = self._settle_truncated() if BARRIER in pending else 0
        buckets = [bucket for bucket in pending if bucket != BARRIER]
        random.shuffle(buckets)
        size = GROUP if self.target.is_replica else BUCKETS
        for n in range(0, len(buckets), size):
            done += self._settle_buckets(buckets[n : n + size])
        return done

    def _settle_buckets(self, buckets: Sequence[int]) -> int:
        entries: list[Entry] = []
        failed: Failed = {}
        try:
            with self.target.connection.transaction():
                held = self.lock(buckets)
                entries = self.source.read_entries(held, self._batch_keys) if held else []
                self.hook("entries")
                if not entries:
                    return 0
                batch = self.read(entries)
                entries = batch.entries
                failed = self._write(batch.rows, self.target.upsert)
                self._park(failed, entries)
                self.target.mark()
                self.hook("written")
        except psycopg.errors.UniqueViolation:
            return self._settle_conflicts(entries)
        self.hook("committed")
        return self._delete(entries, failed)

    def lock(self, buckets: Sequence[int]) -> list[int]:
        """Begin, and return the buckets that this transaction has locked."""
        return self.target.try_locks(buckets) if self.target.begin() else []

    def read(self, entries: Sequence[Entry]) -> Batch:
        """Return the rows of entries as they are on the source's disk; of some if rows are big."""
        batch = self._read_keys(Batch([*entries]).keys())
        batch.entries = [e for e in entries if e.key in batch.rows.get(e.relation, ())]
        return batch

    def _read_keys(self, keys: Mapping[int, Sequence[Key]], *, all_rows: bool = False) -> Batch:
        batch = self.source.read_rows(keys, math.inf if all_rows else MAX_BYTES)
        self.hook("rows")
        self.source.wait_flushed(batch.lsn)
        return batch

    def _settle_conflicts(self, entries: Sequence[Entry]) -> int:
        """Write keys together with those that have their unique values on the target.

        The set grows by the keys that are in the way, until it can be deleted and inserted as a
        whole; rows that swap a value need that.
        """
        keys = {n: dict.fromkeys(own) for n, own in Batch([*entries]).keys().items()}
        for n in range(_LONGEST_CHAIN + 1):
            more, failed = self._write_set(keys, entries, is_last=n == _LONGEST_CHAIN)
            if failed is not None:
                self.hook("committed")
                return self._delete(entries, failed)
            for relation, found in more.items():
                keys.setdefault(relation, {}).update(dict.fromkeys(found))
        return 0

    def _write_set(
        self, keys: Mapping[int, Mapping[Key, None]], entries: Sequence[Entry], *, is_last: bool
    ) -> tuple[dict[int, set[Key]], Failed | None]:
        """Return the keys that are in the way; or write, and return the refused keys."""
        buckets = self.source.buckets_of(keys)
        with self.target.connection.transaction():
            if not self.target.begin():
                return {}, None
            self.target.wait_locks(buckets)
            batch = self._read_keys({r: [*own] for r, own in keys.items()}, all_rows=True)
            more = {} if is_last else self.target.conflicts(self._routes, batch.rows)
            if more:
                return more, None
            failed = self._write(batch.rows, self.target.replace, is_last=True)
            self._park(failed, entries)
            self.target.mark()
            self.hook("written")
        return {}, failed

    def _write(
        self, rows: Rows, write: Callable[[Sequence[Route], Rows], None], *, is_last: bool = False
    ) -> Failed:
        """Write a batch; if the target refuses rows, write the others, and return the refused."""
        try:
            with self.target.connection.transaction():
                write(self._routes, rows)
        except psycopg.errors.UniqueViolation as error:
            if not is_last:
                raise
            return self._write_halves(rows, write, error, is_last=is_last)
        except psycopg.Error as error:
            if (error.sqlstate or "")[:2] not in _PARKABLE:
                raise
            return self._write_halves(rows, write, error, is_last=is_last)
        return {}

    def _write_halves(
        self,
        rows: Rows,
        write: Callable[[Sequence[Route], Rows], None],
        error: psycopg.Error,
        *,
        is_last: bool,
    ) -> Failed:
        keys = [(relation, key) for relation, own in rows.items() for key in own]
        if len(keys) == 1:
            return {keys[0]: self._reason(keys[0], error)}
        failed: Failed = {}
        for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
            part: dict[int, dict[Key, Row | None]] = {}
            for relation, key in half:
                part.setdefault(relation, {})[key] = rows[relation][key]
            failed |= self._write(part, write, is_last=is_last)
        return failed

    def _reason(self, key: tuple[int, Key], error: psycopg.Error) -> str:
        """Return why a key is parked; '' to try it again, where a referenced row may still come."""
        since = self._waiting_since.setdefault(key, time.monotonic())
        is_early = time.monotonic() < since + _PATIENCE_SECONDS
        return "" if error.sqlstate == _MISSING_PARENT and is_early else describe_error(error)

    def _park(self, failed: Failed, entries: Sequence[Entry]) -> None:
        """Park refused keys while their buckets are locked, so that no later success is undone."""
        for (relation, key), reason in failed.items():
            if reason:
                self._waiting_since.pop((relation, key), None)
                self.source.park(relation, key, entries, reason)

    def _delete(self, entries: Sequence[Entry], failed: Failed) -> int:
        waiting = {key for key, reason in failed.items() if not reason}
        done = [e for e in entries if e.key is None or (e.relation, e.key) not in waiting]
        written = {(e.relation, e.key) for e in done if e.key is not None} - failed.keys()
        for key in written & self._waiting_since.keys():
            del self._waiting_since[key]
        self.source.delete(done, written)
        self.hook("deleted")
        return len(done)

    def _settle_truncated(self) -> int:
        """Delete the rows that the source does not have, of tables that were truncated.

        All buckets are locked: a row that comes back meanwhile has an entry that is written later.
        """
        with self.target.connection.transaction():
            if not self.target.begin():
                return 0
            self.target.wait_locks(range(BARRIER + 1))
            entries = self.source.read_entries([BARRIER], self._batch_keys)
            self.hook("entries")
            for relation in dict.fromkeys(e.relation for e in entries):
                route = self._by_number[relation]
                with closing(self.target.key_pages(route, _PAGE)) as pages:
                    for page in pages:
                        self._delete_absent(route, page)
            self.target.connection.execute("set constraints all immediate")
            self.target.mark()
            self.hook("written")
        self.hook("committed")
        return self._delete(entries, {})

    def _delete_absent(self, route: Route, page: Sequence[Key]) -> None:
        read = self._read_keys({route.table.number: page}, all_rows=True)
        rows = read.rows[route.table.number]
        self.target.delete_keys(route, [key for key, row in rows.items() if row is None])
