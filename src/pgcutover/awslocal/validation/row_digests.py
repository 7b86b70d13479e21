"""Compares rows as DMS validation does: by primary key, row by row, on both sides.

It shares no code with the gate's checks, so that an error in one does not hide in the other.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from psycopg import sql

from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.mapping.table_plan import ColumnPlan, TablePlan, quoted
from pgcutover.awslocal.task.endpoint_connection import Connection

Key = tuple[str, ...]
_FETCH = 5000
RECORD_DIFF, MISSING_SOURCE, MISSING_TARGET = "RECORD_DIFF", "MISSING_SOURCE", "MISSING_TARGET"


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads one side's rows as key and digest."""

    table: Name
    key: tuple[str, ...]
    values: sql.Composed

    def stream(self, connection: Connection) -> Iterator[tuple[str, Key, str]]:
        """Return every row in the order of the key's digest, which both sides share."""
        query = sql.SQL(
            'select md5({key}) collate "C", {keys}, md5({row}) from {table} order by 1'
        ).format(
            key=self._key_digest(),
            keys=sql.SQL(", ").join(map(_as_text, self.key)),
            row=self.values,
            table=quoted(self.table),
        )
        with connection.transaction(), connection.cursor("validation") as cursor:
            cursor.itersize = _FETCH
            for row in cursor.execute(query):
                yield row[0], row[1:-1], row[-1]

    def digest(self, connection: Connection, key: Key) -> str | None:
        """Return one row's digest, or None if the row does not exist."""
        condition = sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder()) for name in self.key
        )
        query = sql.SQL("select md5({}) from {} where {}")
        row = connection.execute(
            query.format(self.values, quoted(self.table), condition), key
        ).fetchone()
        return str(row[0]) if row else None

    def _key_digest(self) -> sql.Composed:
        parts = sql.SQL(", ").join(map(_as_text, self.key))
        return sql.SQL("row({})::text").format(parts)


def readers(plan: TablePlan, skip_lobs: bool, lob_kilobytes: int) -> tuple[RowReader, RowReader]:
    """Return the readers of the table on the source and on the target."""

    def reader(table: Name, name: Callable[[ColumnPlan], str]) -> RowReader:
        columns = [c for c in plan.columns if not (skip_lobs and c.lob)]
        parts = sql.SQL(", ").join(_value(name(c), c, lob_kilobytes) for c in columns)
        key = tuple(name(c) for c in plan.key)
        return RowReader(table, key, sql.SQL("row({})::text").format(parts))

    return reader(plan.name, lambda c: c.source), reader(plan.target, lambda c: c.target)


def _value(name: str, column: ColumnPlan, lob_kilobytes: int) -> sql.Composed:
    if column.lob and lob_kilobytes:
        size = lob_kilobytes * 1024 * (2 if column.base == "bytea" else 1)
        return sql.SQL("left({}, {})").format(_as_text(name), size)
    return _as_text(name)


def _as_text(name: str) -> sql.Composed:
    return sql.SQL("{}::text").format(sql.Identifier(name))


def differences(
    source: Iterator[tuple[str, Key, str]], target: Iterator[tuple[str, Key, str]]
) -> Generator[Key | None]:
    """Yield the key of each row that differs, and None for each equal one."""
    left, right = next(source, None), next(target, None)
    while left or right:
        if right is None or (left and left[0] < right[0]):
            yield left[1] if left else None
            left = next(source, None)
        elif left is None or right[0] < left[0]:
            yield right[1]
            right = next(target, None)
        else:
            yield None if left[2] == right[2] else left[1]
            left, right = next(source, None), next(target, None)


def verdict(source: str | None, target: str | None) -> str:
    """Return the kind of difference between two digests of a key; empty if equal."""
    if source == target:
        return ""
    if source is None:
        return MISSING_SOURCE
    return MISSING_TARGET if target is None else RECORD_DIFF
