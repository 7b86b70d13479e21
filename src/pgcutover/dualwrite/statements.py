"""Builds the statements of dual-write; names are those of the source, values are parameters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pgcutover.dualwrite.errors import NotAppliedError, NotCapturedError

Values = Mapping[str, Any]
POLL_SECONDS = 0.01
CAPTURED = """
select exists (select from pg_catalog.pg_trigger t
    where t.tgrelid = pg_catalog.to_regclass(%s) and t.tgname = 'pgcutover_outbox'
      and t.tgenabled = 'A')
"""
BEGUN = "select pgcutover.outbox_position()"
ENDED = "select pg_catalog.txid_current(), pgcutover.outbox_position()"
STATE = "select pgcutover.outbox_state(%s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and its parameters."""

    query: sql.Composed
    parameters: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """A committed transaction, and the ids that the outbox gave it: above `low`, up to `high`."""

    transaction: int
    low: int
    high: int


def table_name(table: str) -> sql.Identifier:
    """Return `table` or `schema.table` as an identifier."""
    return sql.Identifier(*table.split(".", 1))


def insert(table: str, rows: Sequence[Values], returning: Sequence[str] = ()) -> Statement:
    """INSERT of rows that have the same columns."""
    names = [*rows[0]]
    if any([*row] != names for row in rows):
        raise ValueError(f"insert into {table}: expected the same columns in every row")
    line = sql.SQL("({})").format(sql.SQL(", ").join([sql.SQL("%s")] * len(names)))
    query = sql.SQL("insert into {} ({}) values {}").format(
        table_name(table), _names(names), sql.SQL(", ").join([line] * len(rows))
    )
    values = tuple(row[name] for row in rows for name in names)
    return Statement(query + _returning(returning), values)


def upsert(table: str, row: Values, key: Sequence[str], returning: Sequence[str] = ()) -> Statement:
    """INSERT of a row, or UPDATE of the row that has its key."""
    statement = insert(table, [row])
    changes = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
        for name in row
        if name not in key
    ]
    action = sql.SQL("update set {}").format(sql.SQL(", ").join(changes))
    conflict = sql.SQL(" on conflict ({}) do {}").format(
        _names(key), action if changes else sql.SQL("nothing")
    )
    return Statement(statement.query + conflict + _returning(returning), statement.parameters)


def update(table: str, changes: Values, where: Values, returning: Sequence[str] = ()) -> Statement:
    """UPDATE of the rows that have these values."""
    query = sql.SQL("update {} set {} where {}").format(
        table_name(table), _equal(changes, ", "), _condition(table, where)
    )
    return Statement(query + _returning(returning), (*changes.values(), *where.values()))


def delete(table: str, where: Values, returning: Sequence[str] = ()) -> Statement:
    """DELETE of the rows that have these values."""
    query = sql.SQL("delete from {} where {}").format(table_name(table), _condition(table, where))
    return Statement(query + _returning(returning), tuple(where.values()))


def refuse_uncaptured(table: str, *, is_captured: bool) -> None:
    """Raise NotCapturedError for a table without the trigger of the outbox."""
    if not is_captured:
        raise NotCapturedError(
            f"table {table}: expected the trigger of the outbox, always enabled, found none; check "
            'the name, the mapping rules that select it, and run "pgcutover outbox install"'
        )


def refuse_state(state: str, seconds: float) -> bool:
    """Return whether a transaction is on the target; NotAppliedError if it was refused there."""
    if state == "parked":
        raise NotAppliedError(
            'the target refused a row of this transaction; see "pgcutover outbox status"'
        )
    if state == "pending" and seconds <= 0:
        raise NotAppliedError(
            'the writes are committed, but not on the target in time; check that "pgcutover outbox '
            'run" runs'
        )
    return state == "applied"


def _condition(table: str, where: Values) -> sql.Composed:
    if not where:
        raise ValueError(f"{table}: expected a condition; use execute() to write every row")
    return _equal(where, " and ")


def _equal(values: Values, separator: str) -> sql.Composed:
    return sql.SQL(separator).join(
        sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values
    )


def _returning(names: Sequence[str]) -> sql.Composed:
    if not names:
        return sql.Composed([])
    return sql.SQL(" returning {}").format(_names(names))


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
