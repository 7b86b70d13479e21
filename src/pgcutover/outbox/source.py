"""The relay's side of the source: entries, rows in a later snapshot, and what is done with them."""

import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.connect import PINNED, Connection, open_writer
from pgcutover.errors import ServerError
from pgcutover.outbox.floor import Floor
from pgcutover.outbox.model import BARRIER, KeyColumn, SourceTable

Key = tuple[str, ...]
Row = tuple[str | None, ...]
# a batch of keys is found through indexes, however wrong the statistics of a busy outbox are
_BY_INDEX = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
}
_CHUNK = 500
_FLUSH_LOOKS, _FLUSH_SECONDS = 20, 0.002
_PENDING = """
select b from generate_series(0, %s) b cross join lateral (
    select from pgcutover.outbox o where o.bucket = b and o.id >= %s limit 1) e
"""
_ENTRIES = """
select e.bucket, e.id, e.relation, e.key, e.xid
  from unnest(%s::smallint[]) b cross join lateral (
    select * from pgcutover.outbox o where o.bucket = b and o.id >= %s order by o.id limit %s) e
"""
_DELETE = """
delete from pgcutover.outbox o using unnest(%s::smallint[], %s::bigint[]) e (bucket, id)
 where o.bucket = e.bucket and o.id = e.id
"""
_PARK = """
insert into pgcutover.outbox_parked as p (relation, key, xid, reason, at)
values (%s, %s, %s, %s, clock_timestamp())
on conflict (relation, key) do update
   set xid = excluded.xid, reason = excluded.reason, attempts = p.attempts + 1, at = excluded.at
"""
_PARKED = "select relation, key, at from pgcutover.outbox_parked"
# one parked again since, by another relay, has another time
_UNPARK = "delete from pgcutover.outbox_parked where (relation, key, at) = (%s, %s, %s)"
_FLUSHED = "select pg_current_wal_flush_lsn() >= %s::pg_lsn"
_FLUSH = "select pg_logical_emit_message(true, 'pgcutover.outbox', '')"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the outbox; `key` is None for a TRUNCATE."""

    bucket: int
    id: int
    relation: int
    key: Key | None
    xid: int


@dataclass(slots=True)
class Batch:
    """Entries, and the rows of their keys; a key without a row does not exist on the source."""

    entries: list[Entry] = field(default_factory=list)
    rows: dict[int, dict[Key, Row | None]] = field(default_factory=dict)
    lsn: str = "0/0"

    def keys(self) -> dict[int, list[Key]]:
        """Return the keys of the entries by table, each once."""
        found: dict[int, dict[Key, None]] = {}
        for entry in self.entries:
            if entry.key is not None:
                found.setdefault(entry.relation, {})[entry.key] = None
        return {relation: [*keys] for relation, keys in found.items()}


class NewTableError(ServerError):
    """A table was captured after the relay had read the catalogs; a new relay knows it."""


class SourceSide:
    """A connection to the source's primary; each call is a transaction with pinned settings.

    With row_security off the server raises an error where a policy would hide a row: a row that
    is not seen is deleted on the target.
    """

    def __init__(
        self,
        dsn: str,
        tables: Mapping[int, SourceTable],
        columns: Mapping[int, Sequence[str]],
    ) -> None:
        """Connect; `columns` are those that move, by the number of their table."""
        self.connection = open_relay(dsn, _BY_INDEX)
        self.tables, self._columns = tables, columns
        self.floor = Floor()
        self.parked: dict[tuple[int, Key], Any] = {}

    def pending(self) -> list[int]:
        """Return the buckets that have entries; a hint, read before any lock is held."""
        with self.connection.transaction():
            self.floor.advance(self.connection)
            found = self._execute(_PENDING, [BARRIER, self.floor.id]).fetchall()
        return [bucket for (bucket,) in found]

    def read_entries(self, buckets: Sequence[int], limit: int) -> list[Entry]:
        """Return the oldest entries of each bucket; the caller holds the locks of the buckets."""
        with self.connection.transaction():
            each = max(1, limit // max(1, len(buckets)))
            rows = self._execute(_ENTRIES, [[*buckets], self.floor.id, each]).fetchall()
            parked = self._execute(_PARKED).fetchall()
        self._refuse_new_tables({relation for _, _, relation, _, _ in rows})
        self.parked = {(relation, tuple(key)): at for relation, key, at in parked}
        return [Entry(b, i, r, None if k is None else tuple(k), x) for b, i, r, k, x in rows]

    def read_rows(self, keys: Mapping[int, Sequence[Key]], max_bytes: float = math.inf) -> Batch:
        """Return the rows of keys in snapshots later than this call.

        After `max_bytes` of rows, keys are left out.
        """
        batch = Batch()
        with self.connection.transaction():
            for relation, wanted in keys.items():
                own = batch.rows.setdefault(relation, {})
                for n in range(0, len(wanted), _CHUNK):
                    if max_bytes <= 0:
                        break
                    found = self._rows_of(relation, wanted[n : n + _CHUNK])
                    max_bytes -= sum(len(v or "") for row in found.values() for v in row or ())
                    own.update(found)
            found_lsn = self._execute("select pg_current_wal_insert_lsn()::text").fetchone()
        batch.lsn = found_lsn[0] if found_lsn else "0/0"
        return batch

    def wait_flushed(self, lsn: str) -> None:
        """Wait until all WAL before a position is on disk: a crash cannot take back what was read.

        With synchronous_commit off nobody else may flush soon, so a commit of our own does it.
        """
        for _ in range(_FLUSH_LOOKS):
            with self.connection.transaction():
                if self._execute(_FLUSHED, [lsn]).fetchone() == (True,):
                    return
            time.sleep(_FLUSH_SECONDS)
        with self.connection.transaction():
            self._execute(_FLUSH)
        self.wait_flushed(lsn)

    def buckets_of(self, keys: Mapping[int, Iterable[Key]]) -> set[int]:
        """Return the buckets of keys, as the triggers compute them."""
        found: set[int] = set()
        with self.connection.transaction():
            for relation, wanted in keys.items():
                query = sql.SQL(
                    "select distinct {} from (select t::text[] from unnest(%s::text[]) t) w (k)"
                ).format(self.tables[relation].bucket)
                texts = [[*map(array_text, wanted)]]
                found |= {bucket for (bucket,) in self._execute(query, texts)}
        return found

    def delete(self, entries: Sequence[Entry], done: Iterable[tuple[int, Key]] = ()) -> None:
        """Delete exactly these entries, and the parked keys among `done` as they were read."""
        with self.connection.transaction():
            self._execute(_DELETE, [[e.bucket for e in entries], [e.id for e in entries]])
            for relation, key in done:
                if (at := self.parked.get((relation, key))) is not None:
                    self._execute(_UNPARK, [relation, [*key], at])

    def park(self, relation: int, key: Key, entries: Sequence[Entry], reason: str) -> None:
        """Replace the entries of a key by a parked one; the caller holds the lock of its bucket."""
        own = [e for e in entries if (e.relation, e.key) == (relation, key)]
        with self.connection.transaction():
            xid = max((e.xid for e in own), default=0)
            self._execute(_PARK, [relation, [*key], xid, reason])
            self._execute(_DELETE, [[e.bucket for e in own], [e.id for e in own]])

    def _refuse_new_tables(self, numbers: Collection[int]) -> None:
        if new := {*numbers} - self.tables.keys():
            raise NewTableError(
                f"source: table {min(new)} of pgcutover.outbox_relation was captured after this "
                "relay started; start the relay again"
            )

    def _rows_of(self, relation: int, keys: Sequence[Key]) -> dict[Key, Row | None]:
        table = self.tables[relation]
        result = self._execute(
            _rows_query(table, self._columns[relation]), array_columns(keys, len(table.key))
        ).pgresult
        rows: dict[Key, Row | None] = dict.fromkeys(keys)
        if result is None:
            raise ServerError(f"source: {table.name} returned no result; please report it")
        width = range(1, result.nfields)
        for n in range(result.ntuples):
            place = int(result.get_value(n, 0) or b"0")
            rows[keys[place - 1]] = tuple(_text(result.get_value(n, m)) for m in width)
        return rows

    def _execute(
        self, query: str | sql.Composed, parameters: Sequence[Any] = ()
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        text = query.encode() if isinstance(query, str) else query
        return self.connection.execute(text, parameters or None)


def open_relay(dsn: str, settings: Mapping[str, str] | None = None) -> Connection:
    """Open a connection that writes with the settings on which the text of a value depends."""
    connection = open_writer(dsn, {**PINNED, **(settings or {})})
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    return connection


def array_text(values: Iterable[str | None]) -> str:
    """Return a text array as PostgreSQL reads it; faster than an adapter for each value."""
    return "{" + ",".join(map(_quoted, values)) + "}"


def array_columns(keys: Sequence[Key], width: int) -> list[str]:
    """Return a text array for each column of some keys."""
    return [array_text(key[n] for key in keys) for n in range(width)]


def unnested(count: int, alias: str) -> sql.Composed:
    """Rows of texts from one text array a parameter, with their number `n`."""
    names = sql.SQL(", ").join(sql.Identifier(f"c{n}") for n in range(count))
    arrays = sql.SQL(", ").join([sql.SQL("%s::text[]")] * count)
    return sql.SQL("unnest({}) with ordinality {} ({}, n)").format(
        arrays, sql.Identifier(alias), names
    )


def same_key(columns: Sequence[KeyColumn], table: str, texts: str) -> sql.Composed:
    """Condition that a row of `table` has the key in the columns c0, c1 … of `texts`."""
    return sql.SQL(" and ").join(
        column.equals(sql.Identifier(table, column.name), sql.Identifier(texts, f"c{n}"))
        for n, column in enumerate(columns)
    )


def _rows_query(table: SourceTable, columns: Sequence[str]) -> sql.Composed:
    wanted = sql.SQL(", ").join(sql.Identifier("t", name) for name in columns)
    return sql.SQL("select k.n, {} from {} join {} t on {}").format(
        wanted, unnested(len(table.key), "k"), table.identifier, same_key(table.key, "t", "k")
    )


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
