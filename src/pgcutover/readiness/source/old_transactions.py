"""Transactions of the source that hold up slots and vacuum, and the age of its oldest rows."""

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.readiness.situation import Situation

_OLD_SECONDS = 600
_AGE_WARN, _AGE_FAIL = 1_000_000_000, 1_600_000_000  # the server refuses writes at 2.1 thousand M

# state and xact_start of other roles are NULL without pg_read_all_stats
_HIDDEN = """
select count(*) from pg_stat_activity
where datname = current_database() and state is null and query = '<insufficient privilege>'
"""
_OPEN = """
select pid, coalesce(usename, '?'), coalesce(state, '?'),
       extract(epoch from clock_timestamp() - xact_start)::bigint
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
  and coalesce(backend_type, 'client backend') = 'client backend'
  and xact_start < clock_timestamp() - make_interval(secs => %s)
order by xact_start limit 5
"""
_PREPARED = """
select gid, owner, extract(epoch from clock_timestamp() - prepared)::bigint
from pg_prepared_xacts where database = current_database() order by prepared limit 5
"""
_AGES = """
select age(datfrozenxid), mxid_age(datminmxid) from pg_database
where datname = current_database()
"""


def judge_transactions(source: Connection, old_seconds: float = _OLD_SECONDS) -> Situation:
    """Check the age of transactions; only an age at which the server stops soon fails."""
    found = Situation()
    for pid, role, state, seconds in source.execute(_OPEN.encode(), [old_seconds]):
        found.add(
            pid,
            "old transaction",
            f"a transaction of role {role} (pid {pid}, {state}) has been open on the source for "
            f"{_words(seconds)}: creating a slot waits for it, and vacuum keeps dead rows; end it, "
            f"or run there: select pg_terminate_backend({pid})",
            fails=False,
        )
    ((hidden,),) = source.execute(_HIDDEN).fetchall()
    if hidden:
        found.warnings.append(
            f"the transactions of {hidden} {'session' if hidden == 1 else 'sessions'} of other "
            f"roles on the source cannot be seen; run there: grant pg_read_all_stats to "
            f"{sql.Identifier(source.info.user).as_string()}"
        )
    for gid, owner, seconds in source.execute(_PREPARED.encode()):
        found.add(
            gid,
            "prepared transaction",
            f"transaction {gid!r} of role {owner} has been prepared on the source for "
            f"{_words(seconds)}: slots wait for it, its locks prevent the freeze, and a mover may "
            "miss it; run there commit prepared, or rollback prepared",
            fails=False,
        )
    row = source.execute(_AGES.encode()).fetchone() or (0, 0)
    for what, age in zip(("transaction", "multixact"), row, strict=True):
        _judge_age(found, what, age)
    return found


def _judge_age(found: Situation, what: str, age: int) -> None:
    if age < _AGE_WARN:
        return
    found.add(
        what,
        "wraparound",
        f"the oldest {what} id of the source is {age:,} old, and at about 2,100,000,000 the "
        "server refuses writes; run vacuum freeze there before the load, which holds it back",
        fails=age >= _AGE_FAIL,
    )


def _words(seconds: int) -> str:
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
