"""The role by which the mover writes to the target: it exists, and may do what a load needs."""

from collections.abc import Sequence

from pgcutover.connect import Connection
from pgcutover.mapping import RelationName
from pgcutover.readiness.situation import Situation

# pg_has_role for RDS, where rds_superuser may set it and no parameter privilege says so
_ROLE = """
select r.rolcanlogin, r.rolsuper or exists (
    select from pg_roles m
    where m.rolname = 'rds_superuser' and pg_has_role(r.oid, m.oid, 'member'))
from pg_roles r where r.rolname = %s
"""
_MAY_SET = "select has_parameter_privilege(%s, 'session_replication_role', 'set')"
_MISSING = """
select format('%%I.%%I', n.nspname, c.relname),
       array(select p from unnest(array['select', 'insert', 'update', 'delete']) as p
             where not has_table_privilege(%s, c.oid, p))
from unnest(%s::text[], %s::text[]) as m (schema, name)
join pg_namespace n on n.nspname = m.schema
join pg_class c on c.relnamespace = n.oid and c.relname = m.name and c.relkind in ('r', 'p')
order by 1
"""
_PARAMETER_PRIVILEGES = 150000


def judge_mover_role(target: Connection, role: str, tables: Sequence[RelationName]) -> Situation:
    """Check that the role exists, may write every table, and may disable triggers."""
    found = Situation()
    row = target.execute(_ROLE.encode(), [role]).fetchone()
    if row is None or not row[0]:
        what = "does not exist" if row is None else "may not log in"
        found.add(
            role,
            "mover's role",
            f"role {role}, which mover.target_role names, {what} on the target; create it as "
            "setup/roles does, or correct the name",
        )
        return found
    parameters = [role, [t.schema for t in tables], [t.name for t in tables]]
    for name, missing in target.execute(_MISSING.encode(), parameters):
        if missing and not row[1]:
            rights = ", ".join(missing)
            found.add(
                name,
                "mover's role",
                f"role {role} may not {rights} on {name} of the target; run there: "
                f"grant {rights} on {name} to {role}",
            )
    if not row[1] and not _may_set(target, role):
        found.warnings.append(
            f"role {role} may not set session_replication_role on the target, so foreign keys and "
            "triggers act on what the mover writes; on RDS grant rds_superuser to it, elsewhere "
            f"run: grant set on parameter session_replication_role to {role}"
        )
    return found


def _may_set(target: Connection, role: str) -> bool:
    if target.info.server_version < _PARAMETER_PRIVILEGES:
        return False
    return target.execute(_MAY_SET, [role]).fetchone() == (True,)
