"""Roles that can write in spite of the fence."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pgcutover.connect import Connection
from pgcutover.freeze.fence import inspect_fence
from pgcutover.freeze.relations import LockedRelation

_PARAMETER_PRIVILEGES_SINCE = 150000
_UNFENCED = """
select format('role %%s may write %%s', r.rolname, t.oid::regclass)
from pg_roles r cross join unnest(%s::oid[]) t (oid)
where r.rolcanlogin and not r.rolsuper
  and (has_table_privilege(r.oid, t.oid, 'insert, update, delete, truncate')
       or has_any_column_privilege(r.oid, t.oid, 'insert, update'))
order by 1 limit 10
"""
# a session that starts with session_replication_role = replica fires no fence
_REPLICA = """
select coalesce(r.rolname, 'every role')::text
from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
where 'session_replication_role=replica' = any(s.setconfig)
  and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and (r.oid is null or (r.rolcanlogin and not r.rolsuper))
order by 1
"""
_SUPERUSERS = "select rolname::text from pg_roles where rolsuper and rolcanlogin order by 1"
_MAY_BYPASS = """
select rolname::text from pg_roles
where rolcanlogin and not rolsuper
  and has_parameter_privilege(oid, 'session_replication_role', 'set') order by 1
"""


@dataclass(frozen=True, slots=True)
class Writers:
    """Roles that can write: `unfenced` must be empty; the others are listed for the record.

    `may_bypass` are roles that may set session_replication_role, which turns the fence off.
    """

    unfenced: tuple[str, ...]
    superusers: tuple[str, ...]
    may_bypass: tuple[str, ...]


def list_writers(
    connection: Connection, relations: Sequence[LockedRelation], may_pass: Collection[str] = ()
) -> Writers:
    """Return the roles that can write these relations; `may_pass` names expected ones."""
    open_names = set(inspect_fence(connection, relations).open)
    unfenced = [r.oid for r in relations if r.name in open_names]
    found = [str(w) for (w,) in connection.execute(_UNFENCED, [unfenced])] if unfenced else []
    for (role,) in connection.execute(_REPLICA):
        if role not in may_pass:
            found.append(f"{role} starts with session_replication_role = replica")
    newer = connection.info.server_version >= _PARAMETER_PRIVILEGES_SINCE
    bypassing = connection.execute(_MAY_BYPASS).fetchall() if newer else []
    superusers = connection.execute(_SUPERUSERS).fetchall()
    return Writers(
        tuple(found), tuple(str(r) for (r,) in superusers), tuple(str(r) for (r,) in bypassing)
    )
