"""Start conditions about what runs on the source: transactions, vacuum, connections, locks."""

from collections.abc import Iterator, Sequence

from pgcutover.config import FreezeSettings
from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.freeze.conditions.role_conditions import application_roles
from pgcutover.freeze.relations import LockedRelation
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

_SEES_OTHERS = "select pg_has_role(current_user, 'pg_read_all_stats', 'usage')"
# the virtualtransaction of a prepared transaction is that of the session that prepared it
_WRITERS = """
select distinct on (l.pid, p.gid) c.oid::regclass::text, l.pid, p.gid,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, p.prepared))::float8
from pg_locks l
join pg_class c on c.oid = l.relation
left join pg_stat_activity a on a.pid = l.pid
left join pg_locks x on l.pid is null and x.pid is null and x.locktype = 'transactionid'
    and x.mode = 'ExclusiveLock' and x.virtualtransaction = l.virtualtransaction
left join pg_prepared_xacts p on p.transaction = x.transactionid
where l.granted and l.relation = any(%s::oid[])
  and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                 'AccessExclusiveLock')
  and l.database = (select oid from pg_database where datname = current_database())
  and l.pid is distinct from pg_backend_pid()
order by l.pid, p.gid, 1
"""
# autovacuum yields to the freeze, unless it prevents wraparound (PostgreSQL 17, 24.1.5)
_BUSY = """
select distinct on (1) c.oid::regclass::text, l.pid, coalesce(a.query, '') ~ 'prevent wraparound'
from pg_locks l join pg_class c on c.oid = l.relation
left join pg_stat_activity a on a.pid = l.pid
where l.granted and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock')
  and l.relation = any(%s::oid[])
  and l.database = (select oid from pg_database where datname = current_database())
  and (coalesce(a.backend_type, '') <> 'autovacuum worker' or a.query ~ 'prevent wraparound')
  and l.pid is distinct from pg_backend_pid()
order by 1
"""
_CONNECTIONS = """
select 'the server', current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true)::int, 0),
       (select count(*) from pg_stat_activity where backend_type = 'client backend')
union all
select 'the database', datconnlimit,
       (select count(*) from pg_stat_activity a where a.datid = d.oid)
from pg_database d where datname = current_database() and datconnlimit >= 0
union all
select 'role ' || rolname, rolconnlimit,
       (select count(*) from pg_stat_activity a where a.usesysid = r.oid)
from pg_roles r where rolname = any(%s) and rolconnlimit >= 0
"""
_LOCKS = """
select current_setting('max_locks_per_transaction')::int
       * (current_setting('max_connections')::int
          + current_setting('max_prepared_transactions')::int),
       (select count(*) from pg_locks)
"""
_DEADLOCK = "select setting::float8 / 1000 from pg_settings where name = 'deadlock_timeout'"
# the freeze, and the sessions of the final gate that hold ACCESS SHARE
_SESSIONS = 4


def old_writers(
    source: Connection, relations: Sequence[LockedRelation], budget_seconds: float
) -> Iterator[Finding]:
    """Yield prepared transactions, and writing transactions older than the budget."""
    if source.execute(_SEES_OTHERS).fetchone() != (True,):
        yield finding(
            "*",
            "condition undecided",
            "the ages of other roles' transactions are not visible; grant pg_read_all_stats to "
            "the role of freeze.dsn_env",
        )
    oids = [r.oid for r in relations]
    for table, pid, gid, age in source.execute(_WRITERS, [oids]).fetchall():
        if pid is None:
            yield finding(
                table,
                "prepared transaction",
                f"prepared transaction {gid or '(unknown)'} has written to {table}, so no lock can "
                "be granted; commit or roll it back",
            )
        elif age is not None and age > budget_seconds:
            yield finding(
                table,
                "old transaction",
                f"backend {pid} wrote to {table} in a transaction that is {age:.0f} s old; "
                f"expected at most {budget_seconds:g} s (freeze.budget_seconds); wait or end it",
            )


def busy_tables(source: Connection, relations: Sequence[LockedRelation]) -> Iterator[Finding]:
    """Yield tables on which a vacuum or an index build runs that does not yield to the freeze."""
    for table, pid, wraparound in source.execute(_BUSY, [[r.oid for r in relations]]):
        what = "an anti-wraparound vacuum" if wraparound else "a vacuum, DDL or index build"
        yield finding(
            table,
            "table busy",
            f"{what} of backend {pid} holds {table} and does not yield; wait until it has ended",
        )


def short_deadlock_timeout(source: Connection, lock_timeout_seconds: float) -> Iterator[Finding]:
    """Yield a finding where a try is long enough for a client to be ended as a deadlock."""
    ((seconds,),) = source.execute(_DEADLOCK).fetchall()
    if seconds <= lock_timeout_seconds:
        yield finding(
            "*",
            "deadlock timeout",
            f"deadlock_timeout is {seconds:g} s, so that a client could fail while a try waits "
            f"{lock_timeout_seconds:g} s; set freeze.lock_timeout_seconds below it",
        )


def few_locks(source: Connection, relations: Sequence[LockedRelation]) -> Iterator[Finding]:
    """Yield a finding where the server's lock table has no room for the freeze."""
    ((capacity, used),) = source.execute(_LOCKS).fetchall()
    needed = len(relations) * _SESSIONS
    if used + needed > capacity:
        yield finding(
            "*",
            "lock table",
            f"{count_noun(len(relations), 'relation')} need about {needed} locks, {used} of "
            f"{capacity} are in use; raise max_locks_per_transaction",
        )


def piling_connections(
    source: Connection, relations: Sequence[LockedRelation], settings: FreezeSettings
) -> Iterator[Finding]:
    """Yield limits that the connections reach that clients open while their writes wait."""
    more = round(settings.connections_per_second * settings.budget_seconds)
    roles = application_roles(source, relations, settings)
    for where, limit, current in source.execute(_CONNECTIONS, [list(roles)]):
        if current + more > limit:
            yield finding(
                "*",
                "connections",
                f"{where} has {current} of {limit} connections, and clients may open {more} while "
                "they wait (freeze.connections_per_second); raise the limit or pause a pooler",
            )
