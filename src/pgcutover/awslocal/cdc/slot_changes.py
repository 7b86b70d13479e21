"""Reads a slot's changes as messages: of pgoutput, or of test_decoding in a slot given to DMS."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from psycopg import sql

from pgcutover.awslocal.cdc.decoding_text import RowChange, Truncated, as_row, parse_line
from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.mapping.table_plan import TablePlan
from pgcutover.awslocal.task.endpoint_connection import Connection
from pgcutover.awslocal.task.slots import SlotNames
from pgcutover.pgoutput.messages import (
    Begin,
    Column,
    Commit,
    Delete,
    Insert,
    Message,
    Relation,
    Truncate,
    Update,
    decode,
    format_lsn,
    parse_lsn,
)

_FETCH = 200  # a row may have megabytes
_COMMITS = """
select xid::text, lsn::text, substring(data from '\\(at (.*)\\)')::timestamptz
from pg_logical_slot_peek_changes({}, null, {}, 'include-timestamp', 'on')
where data like 'COMMIT%'
"""
_LINES = """
select xid::text, data from pg_logical_slot_peek_changes({}, {}, null, 'skip-empty-xacts', 'on')
"""


class SlotChanges(Protocol):
    """The changes of a task's slot."""

    def read(self, source: Connection, limit: int) -> Iterator[Message]:
        """Yield the messages of whole transactions, about as many as the limit."""


class PgoutputChanges:
    """The changes of the task's own slot, through its publications."""

    def __init__(self, names: SlotNames) -> None:
        """Keep the names."""
        self._names = names

    def read(self, source: Connection, limit: int) -> Iterator[Message]:
        """Yield the messages of whole transactions, about as many as the limit."""
        query = sql.SQL(
            "select data from pg_logical_slot_peek_binary_changes({}, null, {},"
            " 'proto_version', '1', 'publication_names', {})"
        ).format(self._names.slot, limit, f"{self._names.changes},{self._names.inserts}")
        with source.transaction(), source.cursor("changes") as cursor:
            cursor.itersize = _FETCH
            cursor.execute(query, binary=True)
            for (data,) in cursor:
                yield decode(bytes(data))


class DecodedChanges:
    """The changes of a slot that the endpoint's SlotName gives; its plugin is test_decoding.

    A line does not say where its transaction ends, so the ends are read first.
    """

    def __init__(self, slot: str, plans: Mapping[Name, TablePlan]) -> None:
        """`plans` are those of the task's tables; lines about others are skipped."""
        self._slot, self._plans = slot, plans
        self._sent: dict[Name, Relation] = {}

    def read(self, source: Connection, limit: int) -> Iterator[Message]:
        """Yield the messages of whole transactions, about as many as the limit."""
        with source.transaction():
            query = sql.SQL(_COMMITS).format(self._slot, limit)
            ends = {xid: (parse_lsn(lsn), at) for xid, lsn, at in source.execute(query)}
            if not ends:
                return
            last = format_lsn(max(end for end, _ in ends.values()))
            with source.cursor("changes") as cursor:
                cursor.itersize = _FETCH
                cursor.execute(sql.SQL(_LINES).format(self._slot, last))
                for xid, line in cursor:
                    if xid in ends:
                        yield from self._messages(xid, line, *ends[xid])

    def _messages(self, xid: str, line: str, end: int, at: datetime) -> Iterator[Message]:
        if line.startswith("BEGIN"):
            yield Begin(end - 1, at, int(xid))
        elif line.startswith("COMMIT"):
            yield Commit(end - 1, end, at)
        elif (change := parse_line(line)) is not None:
            yield from self._changes(change)

    def _changes(self, change: RowChange | Truncated) -> Iterator[Message]:
        if isinstance(change, Truncated):
            for name in change.tables:
                if name in self._plans:
                    yield from self._relation(name, ())
            oids = tuple(self._sent[n].oid for n in change.tables if n in self._sent)
            yield Truncate(oids, cascade=False, restart_identity=False)
        elif change.table in self._plans:
            yield from self._relation(change.table, tuple(change.new))
            yield from _row_message(self._sent[change.table], change)

    def _relation(self, name: Name, sent: tuple[str, ...]) -> Iterator[Relation]:
        """Yield the relation before its first row, and again where a row has other columns."""
        known = self._sent.get(name)
        if known is not None and {c.name for c in known.columns}.issuperset(sent):
            return
        table = self._plans[name].table
        names = [column.name for column in table.columns]
        names += [column for column in sent if column not in names]
        columns = tuple(Column(n, n in table.key, 0, -1) for n in names)
        self._sent[name] = Relation(table.oid, *name, "d", columns)
        yield self._sent[name]


def _row_message(relation: Relation, change: RowChange) -> Iterator[Message]:
    """Yield the change; nothing for a DELETE whose row was not sent."""
    columns = tuple(column.name for column in relation.columns)
    old = as_row(columns, change.old) if change.old else None
    if change.action == "INSERT":
        yield Insert(relation.oid, as_row(columns, change.new))
    elif change.action == "UPDATE":
        yield Update(relation.oid, old, True, as_row(columns, change.new))
    elif old is not None:
        yield Delete(relation.oid, old, True)
