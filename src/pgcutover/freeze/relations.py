"""The relations of a freeze: the source's tables in scope, with partitions at every level."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import FreezeError, UnreadableError
from pgcutover.mapping import RelationName

_TREES = """
with recursive tree (oid) as (
    select c.oid from unnest(%(schemas)s::text[], %(names)s::text[]) w (schema, name)
    join pg_namespace n on n.nspname = w.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = w.name
    union
    select h.inhrelid from tree t join pg_inherits h on h.inhparent = t.oid
)
select c.oid::bigint, n.nspname, c.relname, c.relkind::text
from tree t join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace
order by 1
"""


@dataclass(frozen=True, slots=True, order=True)
class LockedRelation:
    """A table, partitioned table or partition; `kind` is 'r', 'p' or, for a foreign table, 'f'."""

    oid: int
    name: RelationName
    kind: str

    @property
    def identifier(self) -> sql.Identifier:
        """The qualified name, for SQL."""
        return sql.Identifier(self.name.schema, self.name.name)


def read_relations(
    connection: Connection, tables: Iterable[RelationName], without: Iterable[RelationName] = ()
) -> tuple[LockedRelation, ...]:
    """Return the tables with all their descendants, by oid; the order in which locks are taken.

    `without` are tables that the tool itself writes during the freeze, such as the marker table.
    UnreadableError if the catalog cannot be read, FreezeError if a table does not exist.
    """
    left_out = set(without)
    wanted = [t for t in dict.fromkeys(tables) if t not in left_out]
    names = {"schemas": [t.schema for t in wanted], "names": [t.name for t in wanted]}
    try:
        rows = connection.execute(_TREES, names).fetchall()
    except psycopg.Error as error:
        raise UnreadableError(
            f"the tables of the freeze cannot be read: {describe_error(error)}"
        ) from error
    found = tuple(LockedRelation(oid, RelationName(s, n), kind) for oid, s, n, kind in rows)
    _refuse_missing(wanted, found)
    return tuple(r for r in found if r.name not in left_out)


def _refuse_missing(wanted: Sequence[RelationName], found: Iterable[LockedRelation]) -> None:
    names = {r.name for r in found}
    if missing := [str(t) for t in wanted if t not in names]:
        raise FreezeError(
            f"table {missing[0]} does not exist any more; run the gate again before the freeze"
        )
    if not wanted:
        raise FreezeError("no table is in scope of the freeze; expected the mapped tables")


def lock_statement(relations: Iterable[LockedRelation], mode: str) -> sql.Composed:
    """LOCK TABLE for each relation by itself; foreign tables have no table locks."""
    names = sql.SQL(", ").join(
        sql.SQL("only {}").format(r.identifier) for r in relations if r.kind != "f"
    )
    return sql.SQL("lock table {} in {} mode").format(names, sql.SQL(mode))


def hold_tables(
    connection: Connection, relations: Iterable[LockedRelation], wait_seconds: float
) -> None:
    """Take ACCESS SHARE in the connection's transaction, so that a later ALTER TABLE waits for it.

    For the sessions of the final gate: a request for ACCESS EXCLUSIVE that queues behind the freeze
    would block them. They hold the locks until they end their transaction, which must be READ
    COMMITTED to see each new row. FreezeError where such a request is waiting already.
    """
    try:
        connection.execute(f"set local lock_timeout to {round(wait_seconds * 1000)}".encode())
        connection.execute(lock_statement(relations, "access share"))
    except psycopg.Error as error:
        connection.rollback()
        raise FreezeError(
            f"the final gate cannot lock the tables for reading: {describe_error(error)}"
        ) from error
