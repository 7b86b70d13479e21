"""The write fence: a BEFORE statement trigger on every table and partition that raises 25006.

REVOKE is no fence: grants of a second grantor, PUBLIC, pg_write_all_data and column grants survive
it. A statement that names a partition fires no trigger of its parent, so each has its own. It does
not fire with session_replication_role = replica, so that a reverse mover can write.

Dropping a trigger needs ACCESS EXCLUSIVE, which may wait long for a reader. So a fence is lifted
first: its function is replaced by one that lets every writer pass. Until all triggers are dropped,
those that are left do nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import sleep

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.freeze.relations import LockedRelation
from pgcutover.mapping import RelationName
from pgcutover.schema.explained.own_triggers import (
    FENCE,
    FENCE_BODY,
    FENCE_LIFTED_BODY,
    FENCE_TYPE,
    FUNCTION_SCHEMA,
)

_DROP_ROUNDS = 5
_DROP_PAUSE_SECONDS = 0.1
# writers queue behind a request for ACCESS EXCLUSIVE for as long
_DROP_SETTINGS = "set local lock_timeout to '50ms'; set local synchronous_commit to off"
_NAMED = {"name": FENCE, "schema": FUNCTION_SCHEMA}
_FUNCTION = sql.SQL("{}.{}").format(sql.Identifier(FUNCTION_SCHEMA), sql.Identifier(FENCE))
_REPLACE_FUNCTION = sql.SQL(
    "create or replace function {}() returns trigger language plpgsql as {}"
)
_CREATE_FUNCTION = _REPLACE_FUNCTION.format(_FUNCTION, sql.Literal(FENCE_BODY))
_LIFT = _REPLACE_FUNCTION.format(_FUNCTION, sql.Literal(FENCE_LIFTED_BODY))
_EXISTS = """
select 1 from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.proname = %(name)s and n.nspname = %(schema)s
"""
_SCHEMA_EXISTS = "select 1 from pg_namespace where nspname = %s"
_CREATE = """create trigger {} before insert or update or delete or truncate on {}
for each statement execute function {}()"""
_INSPECT = """
select r.oid::bigint, t.tgenabled::text, p.prosrc = %(body)s and n.nspname = %(schema)s
       and p.proname = %(name)s and t.tgtype = %(type)s and t.tgqual is null
       and not t.tgisinternal
from unnest(%(oids)s::oid[]) r (oid)
join pg_trigger t on t.tgrelid = r.oid and t.tgname = %(name)s
join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
"""
_TRIGGERS = """
select c.oid::bigint, n.nspname, c.relname, c.relkind::text, p.prosrc = %(lifted)s
from pg_trigger t
join pg_proc p on p.oid = t.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where t.tgname = %(name)s and p.proname = %(name)s and pn.nspname = %(schema)s
order by 1
"""


@dataclass(frozen=True, slots=True)
class FenceState:
    """Relations by the state of their fence; `altered` has a trigger of that name that is not ours,
    or that is disabled."""

    fenced: tuple[RelationName, ...] = ()
    open: tuple[RelationName, ...] = ()
    altered: tuple[RelationName, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Return whether every relation has the fence."""
        return bool(self.fenced) and not self.open and not self.altered

    @property
    def is_absent(self) -> bool:
        """Return whether no relation has a trigger of that name."""
        return not self.fenced and not self.altered


def create_fence(connection: Connection, relations: Iterable[LockedRelation]) -> None:
    """Create the fence in the connection's transaction, on relations that have none.

    psycopg.Error where the role lacks a right; nothing of it stays after a rollback.
    """
    relations = tuple(relations)
    state = inspect_fence(connection, relations)
    missing = set(state.open)
    create = sql.SQL(_CREATE)
    statements = [
        create.format(sql.Identifier(FENCE), r.identifier, _FUNCTION)
        for r in relations
        if r.name in missing
    ]
    if connection.execute(_SCHEMA_EXISTS, [FUNCTION_SCHEMA]).fetchone() is None:
        statements.insert(0, sql.SQL("create schema {}").format(sql.Identifier(FUNCTION_SCHEMA)))
        statements.insert(1, _CREATE_FUNCTION)
    else:
        statements.insert(0, _CREATE_FUNCTION)
    connection.execute(sql.SQL("; ").join(statements))


def remove_fence(connection: Connection) -> tuple[RelationName, ...]:
    """Let every writer pass at once, then drop the triggers of the whole database; commits.

    Return the tables whose trigger is left, because a session held the table all the time. It lets
    writers pass, and the next call drops it. The schema is dropped too unless it holds something
    else.
    """
    if connection.execute(_EXISTS, _NAMED).fetchone() is None:
        connection.commit()
        return ()
    connection.execute(_LIFT)
    connection.commit()
    for tries in range(_DROP_ROUNDS):
        if not (left := _drop_triggers(connection)):
            break
        if tries < _DROP_ROUNDS - 1:
            sleep(_DROP_PAUSE_SECONDS)
    if not left:
        connection.execute(sql.SQL("drop function if exists {}()").format(_FUNCTION))
        _drop_empty_schema(connection)
        connection.commit()
    return left


def _drop_triggers(connection: Connection) -> tuple[RelationName, ...]:
    """Drop the trigger of each table in a transaction of its own; return the tables in use."""
    left = []
    for relation, _ in _find_triggers(connection):
        drop = sql.SQL("drop trigger if exists {} on {}").format(
            sql.Identifier(FENCE), relation.identifier
        )
        try:
            connection.execute(_DROP_SETTINGS.encode())
            connection.execute(drop)
            connection.commit()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            connection.rollback()
            left.append(relation.name)
    return tuple(left)


def _find_triggers(connection: Connection) -> list[tuple[LockedRelation, bool]]:
    """Return every table of the database with a trigger of a fence, and whether that is lifted."""
    rows = connection.execute(_TRIGGERS, {**_NAMED, "lifted": FENCE_LIFTED_BODY}).fetchall()
    return [
        (LockedRelation(oid, RelationName(schema, name), kind), lifted)
        for oid, schema, name, kind, lifted in rows
    ]


def inspect_fence(connection: Connection, relations: Sequence[LockedRelation]) -> FenceState:
    """Return the relations by the state of their fence; UnreadableError if it cannot be read."""
    oids = [r.oid for r in relations]
    wanted = {**_NAMED, "oids": oids, "body": FENCE_BODY, "type": FENCE_TYPE}
    try:
        rows = connection.execute(_INSPECT, wanted).fetchall()
    except psycopg.Error as error:
        raise UnreadableError(f"the write fence cannot be read: {describe_error(error)}") from error
    good = {oid for oid, enabled, ours in rows if ours and enabled in ("O", "A")}
    found = {oid for oid, _, _ in rows}
    return FenceState(
        tuple(r.name for r in relations if r.oid in good),
        tuple(r.name for r in relations if r.oid not in found),
        tuple(r.name for r in relations if r.oid in found - good),
    )


def find_fenced(connection: Connection) -> tuple[RelationName, ...]:
    """Return every table of the database whose fence is not lifted, in scope or not."""
    return tuple(relation.name for relation, lifted in _find_triggers(connection) if not lifted)


def _drop_empty_schema(connection: Connection) -> None:
    """Drop the schema of the fence's function, unless other objects of ours are in it."""
    drop = sql.SQL("drop schema if exists {} restrict").format(sql.Identifier(FUNCTION_SCHEMA))
    try:
        with connection.transaction():
            connection.execute(drop)
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
        return
