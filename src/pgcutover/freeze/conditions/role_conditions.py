"""Start conditions about roles: the rights of the locking role, and the application's timeouts."""

import re
from collections.abc import Iterator, Sequence

from pgcutover.config import FreezeSettings
from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.freeze.relations import LockedRelation
from pgcutover.schema.explained.own_triggers import FUNCTION_SCHEMA
from pgcutover.verdict import Finding

_MAINTAIN_SINCE = 170000
# LOCK TABLE in SHARE mode needs one of these (PostgreSQL 17, LOCK); INSERT is not enough
_RIGHTS = """
select c.oid::regclass::text, has_table_privilege(c.oid, %(rights)s),
       has_table_privilege(c.oid, 'trigger'), pg_has_role(c.relowner, 'usage')
from unnest(%(oids)s::oid[]) r (oid) join pg_class c on c.oid = r.oid
order by 1
"""
_MAY_CREATE = """
select current_user::text, n.oid is not null, case
    when n.oid is null then has_database_privilege(current_database(), 'create')
    else has_schema_privilege(n.oid, 'usage') and has_schema_privilege(n.oid, 'create') end
from (select) one left join pg_namespace n on n.nspname = %s
"""
_APPLICATION = """
select r.rolname::text from pg_roles r
where r.rolcanlogin and not r.rolsuper and r.rolname <> current_user and r.rolname <> all(%s)
  and exists (select from unnest(%s::oid[]) t (oid)
              where has_table_privilege(r.oid, t.oid, 'insert, update, delete')
                 or has_any_column_privilege(r.oid, t.oid, 'insert, update'))
order by 1
"""
# a setting of the role in the database precedes one of the role, of the database, of all
_TIMEOUTS = """
select r.rolname::text, n.name, coalesce(
    (select split_part(c, '=', 2) from pg_db_role_setting s cross join unnest(s.setconfig) c
     where s.setrole in (0, r.oid) and split_part(c, '=', 1) = n.name
       and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
     order by s.setrole <> 0 desc, s.setdatabase <> 0 desc limit 1),
    (select g.reset_val || coalesce(g.unit, '') from pg_settings g
     where g.name = n.name and g.source in ('default', 'configuration file', 'command line')),
    '0')
from pg_roles r
cross join unnest(%s::text[]) n (name)
where r.rolname = any(%s)
order by 1, 2
"""
_NAMES = ["lock_timeout", "statement_timeout", "transaction_timeout"]
_UNITS = {"us": 1e-6, "ms": 1e-3, "": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def wrong_roles(source: Connection, verifier_role: str) -> Iterator[Finding]:
    """Yield a finding where the verifier's role would lock and fence."""
    ((role,),) = source.execute("select session_user::text").fetchall()
    if role == verifier_role:
        yield finding(
            "*",
            "verifier's role",
            f"role {role} of freeze.dsn_env is also that of source.dsn_env, which only reads; name "
            "another role that owns the tables",
        )


def lacking_rights(source: Connection, relations: Sequence[LockedRelation]) -> Iterator[Finding]:
    """Yield the rights that the role lacks to lock a table, or to create and remove its fence."""
    ((role, exists, may_create),) = source.execute(_MAY_CREATE, [FUNCTION_SCHEMA]).fetchall()
    if not may_create:
        what = "use and create in" if exists else "create"
        right = (
            f"usage and create on schema {FUNCTION_SCHEMA}" if exists else "create on the database"
        )
        yield finding(
            "*",
            "right missing",
            f"role {role} may not {what} the schema {FUNCTION_SCHEMA} of the fence; grant it "
            f"{right}",
        )
    maintains = source.info.server_version >= _MAINTAIN_SINCE
    rights = "update, delete, truncate" + (", maintain" if maintains else "")
    wanted = {"oids": [r.oid for r in relations], "rights": rights}
    needed = "maintain" if maintains else "update"
    for table, may_lock, may_fence, owns in source.execute(_RIGHTS, wanted):
        if not may_lock:
            yield _lacks(table, f"role {role} may not lock {table}; grant it {needed} on the table")
        if not may_fence:
            yield _lacks(table, f"role {role} may not fence {table}; grant it trigger on the table")
        elif not owns:
            yield _lacks(
                table,
                f"role {role} could fence {table}, but not remove the fence again, which only its "
                f"owner may; make {role} a member of the owner",
            )


def application_roles(
    source: Connection, relations: Sequence[LockedRelation], settings: FreezeSettings
) -> tuple[str, ...]:
    """Return the configured roles, else all login roles that may write one of the tables."""
    if settings.application_roles:
        return settings.application_roles
    oids = [r.oid for r in relations]
    rows = source.execute(_APPLICATION, [[settings.mover_role], oids]).fetchall()
    return tuple(str(role) for (role,) in rows)


def short_timeouts(
    source: Connection, relations: Sequence[LockedRelation], settings: FreezeSettings
) -> Iterator[Finding]:
    """Yield timeouts of the application's roles that end a write which waits for the budget."""
    roles = application_roles(source, relations, settings)
    for role, name, value in source.execute(_TIMEOUTS, [_NAMES, list(roles)]).fetchall():
        seconds = parse_seconds(value)
        if 0 < seconds <= settings.budget_seconds:
            yield finding(
                role,
                "short timeout",
                f"{name} of role {role} is {seconds:g} s, so that its writes would fail while they "
                f"wait; expected more than {settings.budget_seconds:g} s (freeze.budget_seconds)",
            )


def parse_seconds(value: str) -> float:
    """Return the seconds of a timeout as PostgreSQL writes it; its default unit is ms."""
    found = re.fullmatch(r"\s*'?\s*([0-9.]+)\s*([a-z]*)\s*'?\s*", value)
    return float(found[1]) * _UNITS.get(found[2], 1e-3) if found else 0.0


def _lacks(table: str, message: str) -> Finding:
    return finding(table, "right missing", message)
