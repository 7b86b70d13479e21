"""Checks that only the mover writes to the target, and that a source without a mover is at rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.mapping import RelationName
from pgcutover.schema.kinds.model import SERVICE_ROLES
from pgcutover.verdict import Finding

# Other roles' backend_type is NULL without pg_read_all_stats; locks can be read by everybody. The
# gate writes to no mapped table but the marker's, in sessions of its own name.
_SESSIONS = """
select a.usename, count(distinct a.pid),
       min(case when m.name is not null then format('%%I.%%I', m.schema, m.name) end)
from pg_stat_activity a
left join pg_locks l
    on l.pid = a.pid and l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
   and l.database = (select oid from pg_database where datname = current_database())
left join (pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join unnest(%s::text[], %s::text[]) as m (schema, name)
               on m.schema = n.nspname and m.name = c.relname)
    on c.oid = l.relation
where a.datname = current_database() and a.pid <> pg_backend_pid()
  and coalesce(a.backend_type, 'client backend') = 'client backend'
  and a.application_name <> 'pgcutover' and a.usename !~ %s
group by 1 order by 1
"""
_PREPARED = """
select gid, owner from pg_prepared_xacts where database = current_database() order by 1
"""
_SUBSCRIBES = """
select exists (select from pg_subscription s
               join pg_database d on d.oid = s.subdbid and d.datname = current_database()
               where s.subenabled)
"""


@dataclass(frozen=True, slots=True)
class MoverRole:
    """The role by which the mover writes; '' if not known. `exists` tells if there is a mover."""

    exists: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The other sessions of one role, and a mapped table that one of them is writing."""

    role: str
    number: int
    written: str | None


def read_sessions(connection: Connection, tables: Sequence[RelationName]) -> list[Sessions]:
    """Return the sessions of the database that are not the gate's, by role."""
    service_roles = SERVICE_ROLES.strip("'")
    parameters: list[Any] = [[t.schema for t in tables], [t.name for t in tables], service_roles]
    return [Sessions(*row) for row in connection.execute(_SESSIONS.encode(), parameters)]


def has_subscription(target: Connection) -> bool:
    """Tell if an enabled subscription writes to the target's database."""
    return target.execute(_SUBSCRIBES).fetchone() == (True,)


def target_problems(sessions: Sequence[Sessions], mover: MoverRole) -> Iterator[Finding]:
    """Yield each role but the mover's that is writing to the target.

    A mover whose role is not known may be any one role that writes.
    """
    writers = [s for s in sessions if s.written and s.role != mover.name]
    if mover.exists and not mover.name and len(writers) == 1:
        return
    for each in writers:
        yield finding(
            each.role,
            "another writer",
            f"role {each.role} is writing to {each.written} on the target; before the cutover "
            "only the mover may; stop what uses the role. If it is the mover's role, name it: "
            "[mover] target_role",
        )


def prepared_problems(target: Connection) -> Iterator[Finding]:
    """Yield each prepared transaction of the target, whose changes nobody has seen yet."""
    for gid, owner in target.execute(_PREPARED):
        yield finding(
            str(gid),
            "prepared transaction",
            f"transaction {gid!r} of role {owner} is prepared on the target: it can still change "
            "rows and keeps its locks; run rollback prepared, or commit prepared and compare again",
        )


def source_problems(sessions: Sequence[Sessions]) -> Iterator[Finding]:
    """Yield each role that is writing to a source whose changes no mover copies."""
    for each in sessions:
        if each.written:
            yield finding(
                each.role,
                "source is written",
                f"role {each.role} is writing to {each.written} on the source, and no mover "
                "copies the changes, so they would be lost; stop what uses the role, and copy "
                "the table again",
            )


def session_warnings(side: str, sessions: Sequence[Sessions], known: set[str]) -> Iterator[str]:
    """Yield a warning for each role, besides those known, that is connected without writing."""
    for each in sessions:
        if not each.written and each.role not in known:
            number = "1 session" if each.number == 1 else f"{each.number} sessions"
            yield (
                f"role {each.role} has {number} on the {side}; check that it does not write there "
                "before the cutover"
            )
