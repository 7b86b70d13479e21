"""Room for more sessions on a side, and timeouts that end a mover's sessions."""

from pgcutover.connect import Connection
from pgcutover.readiness.situation import Situation

_WARN, _FAIL = 20, 5
# what superusers and background workers use counts against neither limit
_FREE = """
select 'max_connections', current_setting('max_connections')::int,
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true)::int, 0)
       - (select count(*) from pg_stat_activity
          where backend_type is null or backend_type = 'client backend')::int
union all
select 'the connection limit of database ' || quote_ident(d.datname), d.datconnlimit,
       d.datconnlimit - (select count(*) from pg_stat_activity a where a.datid = d.oid)::int
from pg_database d where d.datname = current_database() and d.datconnlimit >= 0
order by 3 limit 1
"""
# what a new session of a role gets: its own setting, else that of the database, else the server's
_TIMEOUTS = """
select s.name, coalesce(o.value, s.reset_val), s.unit
from pg_settings s left join lateral (
    select split_part(c.setting, '=', 2) as value
    from pg_db_role_setting d cross join lateral unnest(d.setconfig) as c (setting)
    where split_part(c.setting, '=', 1) = s.name
      and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
      and d.setrole in (0, (select oid from pg_roles where rolname = %s))
    order by (d.setrole <> 0) desc, (d.setdatabase <> 0) desc limit 1
) o on true
where s.name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout',
                 'idle_session_timeout', 'transaction_timeout')
  and coalesce(o.value, s.reset_val) !~ '^0[a-z]*$'
order by 1
"""


def judge_room(found: Situation, side: str, connection: Connection) -> None:
    """Check that more sessions can be opened; warn where they are few."""
    ((limit, allowed, free),) = connection.execute(_FREE.encode()).fetchall()
    found.facts[f"free_connections_{side}"] = free
    if free < _WARN:
        left = "1 more connection" if free == 1 else f"{max(free, 0)} more connections"
        found.add(
            side,
            "no room",
            f"the {side} allows {left} ({limit} is {allowed}); the load, the gate and the clients "
            "that wait in the freeze need more; raise the limit, or close idle sessions",
            fails=free < _FAIL,
        )


def judge_timeouts(found: Situation, side: str, connection: Connection, role: str) -> None:
    """Warn of each timeout that a new session of a role, or of any role for '', would get."""
    whose = f"of role {role} on the {side}" if role else f"of the {side}"
    for name, value, unit in connection.execute(_TIMEOUTS.encode(), [role]):
        shown = f"{value} {unit}" if value.isdigit() and unit else value
        found.warnings.append(
            f"{name} {whose} is {shown}, so the server may end the mover's long sessions or "
            f"statements; run there: alter role {role or '(the mover)'} set {name} = 0"
        )
