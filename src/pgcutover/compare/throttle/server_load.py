"""Samples a server's load and compares it with limits.

The load is active sessions, replica lag, age of the oldest transaction, and WAL retained by slots.
"""

from dataclasses import dataclass

import psycopg

from pgcutover.connect import Connection

# without pg_read_all_stats a role does not see the queries of others, and without pg_monitor no
# replay lag: hidden values are NULL here, never 0 (PostgreSQL 17, 27.2 "Statistics System")
_SAMPLE = """
with others as materialized (
    select state, query = '<insufficient privilege>' as hidden,
           greatest(age(backend_xmin), age(backend_xid)) as age from pg_stat_activity
    where coalesce(backend_type, 'client backend') = 'client backend' and pid <> pg_backend_pid()
      and not (application_name = 'pgcutover' and usename = current_user)
)
select (select sum(xact_commit + xact_rollback)::int8 from pg_stat_database),
       (select case when bool_and(hidden) then null
               else count(*) filter (where state in ('active', 'fastpath function call')) end
        from others),
       (select max(age)::int8 from others),
       case when pg_is_in_recovery()
            then extract(epoch from now() - pg_last_xact_replay_timestamp())::float8
            else (select extract(epoch from max(replay_lag))::float8 from pg_stat_replication) end,
       (select max(pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                                        else pg_current_wal_lsn() end, restart_lsn)
                   / 1048576)::float8
        from pg_replication_slots)
"""


@dataclass(frozen=True, slots=True)
class LoadSample:
    """One sample; a value is None where the role may not see it, or where there is none.

    `transactions` are those of all databases since their statistics began; the rest is of other
    sessions.
    """

    transactions: int
    active_sessions: int | None
    xmin_age_transactions: int | None
    replica_lag_seconds: float | None
    retained_wal_mb: float | None


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """Limits beyond which reading pauses; 0 is no limit. `load` is the share of one backend to use.

    `load` applies only while other sessions are active; an idle server is read at full speed.
    """

    load: float = 1.0
    replica_lag_seconds: float = 0.0
    xmin_age_transactions: int = 0
    active_sessions: int = 0
    retained_wal_mb: float = 0.0

    @property
    def are_unset(self) -> bool:
        """Return whether no limit is set, so that the load need not be sampled."""
        return self == LoadLimits()


def sample(connection: Connection) -> LoadSample:
    """Sample the load in a transaction of its own; psycopg.Error where that fails."""
    with connection.transaction():
        row = connection.execute(_SAMPLE.encode()).fetchone()
    if row is None:
        raise psycopg.OperationalError("the server says nothing about its sessions")
    return LoadSample(row[0] or 0, *row[1:])


_WORDS = {
    "replica_lag_seconds": "replica lag of {found:.0f} s, limit {limit:g} s",
    "xmin_age_transactions": "a transaction {found} transactions old, limit {limit}",
    "active_sessions": "{found} active sessions, limit {limit}",
    "retained_wal_mb": "{found:.0f} MB of WAL retained by a slot, limit {limit:g} MB",
}


def exceeded(load_sample: LoadSample, limits: LoadLimits) -> str:
    """Return the exceeded limit, for which reading must pause; '' where there is none."""
    for name, words in _WORDS.items():
        found, limit = getattr(load_sample, name), getattr(limits, name)
        if limit and found is not None and found > limit:
            return words.format(found=found, limit=limit)
    return ""
