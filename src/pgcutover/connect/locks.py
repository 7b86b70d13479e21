"""Finds the sessions whose locks keep others from reading a table."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from pgcutover.error_texts.database_errors import (
    ErrorContext,
    LockHolder,
    add_context,
    describe_locks,
)

# relations that cannot be read or dumped: those locked, their indexes, partitions and sequences,
# and the relations whose query or policy names them
_LOCKED = """
with recursive locked (oid, pid) as (
    select l.relation, l.pid from pg_catalog.pg_locks l
    where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.granted
      and l.pid is distinct from pg_catalog.pg_backend_pid()
      and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
    union
    select n.oid, k.pid from locked k cross join lateral (
        select i.indexrelid from pg_catalog.pg_index i where i.indrelid = k.oid
        union all
        select h.inhrelid from pg_catalog.pg_inherits h where h.inhparent = k.oid
        union all
        select d.objid from pg_catalog.pg_depend d
        join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
        where d.classid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
          and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = k.oid
        union all
        select coalesce(r.ev_class, p.polrelid) from pg_catalog.pg_depend d
        left join pg_catalog.pg_rewrite r
          on d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid
        left join pg_catalog.pg_policy p
          on d.classid = 'pg_catalog.pg_policy'::regclass and p.oid = d.objid
        where d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = k.oid
          and coalesce(r.ev_class, p.polrelid) is not null) n (oid)
)
select c.oid::int8, format('%I.%I', n.nspname, c.relname), c.relkind::text, k.pid,
       coalesce(a.application_name, ''),
       exists (select from pg_catalog.pg_locks l where l.relation = c.oid and l.granted
               and l.mode = 'AccessExclusiveLock' and l.pid is not distinct from k.pid)
from locked k
join pg_catalog.pg_class c on c.oid = k.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_stat_activity a on a.pid = k.pid
where n.nspname !~ '^pg_'
order by 2, 4
"""
_INDEXES = ("i", "I")
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class LockedRelation:
    """A relation that a lock makes unreadable; `is_locked` where it is locked itself."""

    oid: int
    name: str
    kind: str
    pid: int | None
    application: str
    is_locked: bool


@dataclass(frozen=True, slots=True)
class LastingLocks:
    """Relations that cannot be read because of locks, quoted, and the reason."""

    names: tuple[str, ...]
    cause: str


def find_locked(connection: psycopg.Connection[Any]) -> tuple[LockedRelation, ...]:
    """Return the relations that locks of other sessions make unreadable."""
    return tuple(LockedRelation(*row) for row in connection.execute(_LOCKED.encode()).fetchall())


def lock_holders(locked: tuple[LockedRelation, ...]) -> tuple[LockHolder, ...]:
    """Return the sessions that hold the locks, each with the tables that it locks."""
    tables: dict[tuple[int | None, str], list[str]] = {}
    for each in locked:
        if each.is_locked and each.kind not in _INDEXES:
            tables.setdefault((each.pid, each.application), []).append(each.name)
    return tuple(LockHolder(pid, name, tuple(own)) for (pid, name), own in tables.items())


def find_lasting_locks(
    connection: psycopg.Connection[Any], side: str, seconds: float
) -> LastingLocks:
    """Return what is still locked, by the same sessions, after the time that a query would wait."""
    found = find_locked(connection)
    kept, deadline = set(found), monotonic() + seconds
    while kept and monotonic() < deadline:
        sleep(_POLL_SECONDS)
        kept &= set(find_locked(connection))
    lasting = tuple(each for each in found if each in kept)
    if not lasting:
        return LastingLocks((), "")
    names = (each.name for each in lasting if each.kind not in _INDEXES)
    return LastingLocks(tuple(names), describe_locks(side, lock_holders(lasting), seconds))


@contextmanager
def explain_errors(connection: psycopg.Connection[Any], context: ErrorContext) -> Iterator[None]:
    """Add to an error what its connection knows; to a lock timeout, who holds the lock."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        holders = _find_holders(connection)
        seconds = context.lock_timeout_seconds
        add_context(error, ErrorContext(context.side, context.role, seconds, holders))
        raise
    except psycopg.Error as error:
        add_context(error, context)
        raise


def _find_holders(connection: psycopg.Connection[Any]) -> tuple[LockHolder, ...]:
    """Ask on a connection of its own, because the transaction of the error can run no query."""
    info = connection.info
    with suppress(psycopg.Error):
        dsn = make_conninfo(info.dsn, password=info.password or None)
        with closing(psycopg.connect(dsn, autocommit=True, prepare_threshold=None)) as other:
            other.read_only = True
            return lock_holders(find_locked(other))
    return ()
