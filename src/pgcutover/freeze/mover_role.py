"""Fences the mover's role on the target after the drain.

AWS DMS takes minutes to stop a task; a role without login and sessions stops writing at once. Where
the role cannot be altered, ENABLE ALWAYS triggers refuse its writes: they fire also with
session_replication_role = replica, which DMS sets. A subscription's worker fires row triggers only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Literal

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import FreezeError
from pgcutover.freeze.relations import LockedRelation
from pgcutover.schema.explained.own_triggers import (
    FUNCTION_SCHEMA,
    MOVER_FENCE,
    MOVER_FENCE_BODY,
    MOVER_TRUNCATE_FENCE,
)
from pgcutover.text.words import count_noun

_POLL_SECONDS = 0.01
_NO_ROLE = "role {} (freeze.mover_role) does not exist; name the role as which the mover writes"
_SAME_ROLE = "role {} (freeze.mover_role) is also the role that locks and fences; name two roles"
_ROLE = "select rolcanlogin, rolname = current_user from pg_roles where rolname = %s"
# since 16 CREATEROLE reaches only roles that were granted WITH ADMIN OPTION
_RIGHTS = """
select current_user::text, me.rolsuper or not m.rolsuper and me.rolcreaterole and (
           current_setting('server_version_num')::int < 160000
           or pg_has_role(me.oid, m.oid, 'usage with admin option')),
       me.rolsuper or not m.rolsuper and (
           pg_has_role(me.oid, m.oid, 'usage')
           or pg_has_role(me.oid, 'pg_signal_backend', 'usage'))
from pg_roles me, pg_roles m where me.rolname = current_user and m.rolname = %s
"""
_END = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where usename = %s and datname = current_database() and pid <> pg_backend_pid()
"""
_SESSIONS = """
select (select count(*) from pg_stat_activity
        where usename = %(role)s and datname = current_database()),
       (select count(*) from pg_prepared_xacts
        where owner = %(role)s and database = current_database())
"""
_TRIGGERS = """
select c.oid::bigint from pg_trigger t join pg_class c on c.oid = t.tgrelid
join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
where n.nspname = %s and p.proname = %s and t.tgname = any(%s) and t.tgenabled = 'A'
  and t.tgargs = %s
"""
_FUNCTION = sql.SQL("{}.{}").format(sql.Identifier(FUNCTION_SCHEMA), sql.Identifier(MOVER_FENCE))
_CREATE_ROW = """create trigger {name} before insert or update or delete on {table}
for each row execute function {function}({role});
alter table {table} enable always trigger {name}"""
_CREATE_TRUNCATE = """create trigger {name} before truncate on {table}
for each statement execute function {function}({role});
alter table {table} enable always trigger {name}"""


@dataclass(frozen=True, slots=True)
class MoverFence:
    """The fence of the mover's role, for the journal; `restore_mover_role` removes it."""

    role: str
    method: Literal["nologin", "triggers"]
    could_login: bool
    ended_sessions: int = 0


def mover_role_problems(target: Connection, role: str) -> list[str]:
    """Return why the role cannot be fenced on the target.

    A role that cannot be altered is fenced by triggers, which need the rights of the write fence.
    """
    row = target.execute(_ROLE, [role]).fetchone()
    if row is None:
        return [_NO_ROLE.format(role)]
    if row[1]:
        return [_SAME_ROLE.format(role)]
    ((own, may_alter, may_end),) = target.execute(_RIGHTS, [role]).fetchall()
    if may_alter and not may_end:
        return [f"role {own} may not end the sessions of {role}; grant pg_signal_backend to {own}"]
    return []


def fence_mover_role(
    target: Connection,
    role: str,
    relations: Sequence[LockedRelation] = (),
    timeout_seconds: float = 5.0,
) -> MoverFence:
    """Keep the role from writing; FreezeError where a session or prepared transaction is left.

    The target's connection commits. With relations, triggers are used where the role cannot be
    altered. It may run twice: the second run finds the role fenced.
    """
    row = target.execute(_ROLE, [role]).fetchone()
    if row is None:
        raise FreezeError(_NO_ROLE.format(role))
    if row[1]:
        raise FreezeError(_SAME_ROLE.format(role))
    try:
        target.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(role)))
        target.commit()
    except psycopg.errors.InsufficientPrivilege as error:
        target.rollback()
        if not relations:
            raise FreezeError(_refusal(role, error)) from error
        _create_triggers(target, role, relations)
        return MoverFence(role, "triggers", bool(row[0]))
    ended = _end_sessions(target, role, timeout_seconds)
    return MoverFence(role, "nologin", bool(row[0]), ended)


def restore_mover_role(
    target: Connection, fence: MoverFence, relations: Iterable[LockedRelation] = ()
) -> None:
    """Let the role write again as before; the target's connection commits."""
    if fence.method == "triggers":
        target.execute(_drop_triggers(relations))
    elif fence.could_login:
        target.execute(sql.SQL("alter role {} login").format(sql.Identifier(fence.role)))
    target.commit()


def is_mover_fenced(
    target: Connection, role: str, relations: Sequence[LockedRelation] = ()
) -> bool:
    """Return whether the role has no login, session or prepared transaction, or is refused."""
    row = target.execute(_ROLE, [role]).fetchone()
    sessions, prepared = target.execute(_SESSIONS, {"role": role}).fetchone() or (1, 1)
    if row is not None and not row[0] and not sessions and not prepared:
        return True
    names = [MOVER_FENCE, MOVER_TRUNCATE_FENCE]
    wanted = [FUNCTION_SCHEMA, MOVER_FENCE, names, role.encode() + b"\0"]
    found = [oid for (oid,) in target.execute(_TRIGGERS, wanted)]
    # a plain table has both triggers, a partitioned one that for TRUNCATE
    return bool(relations) and all(
        found.count(r.oid) >= (2 if r.kind == "r" else 1) for r in relations if r.kind != "f"
    )


def _end_sessions(target: Connection, role: str, timeout_seconds: float) -> int:
    try:
        row = target.execute(_END, [role]).fetchone()
        target.commit()
        until = monotonic() + timeout_seconds
        while True:
            sessions, prepared = target.execute(_SESSIONS, {"role": role}).fetchone() or (1, 1)
            target.commit()  # pg_stat_activity stays the same within a transaction
            if not sessions or monotonic() > until:
                break
            sleep(_POLL_SECONDS)
    except psycopg.errors.InsufficientPrivilege as error:
        target.rollback()
        raise FreezeError(
            f"sessions of role {role} cannot be ended: {describe_error(error)}; grant "
            "pg_signal_backend to the role of freeze.target_dsn_env"
        ) from error
    if sessions or prepared:
        left = count_noun(sessions + prepared, "session or prepared transaction",
                          "sessions or prepared transactions")  # fmt: skip
        raise FreezeError(f"{left} of role {role} left on the target, which may still write")
    return int(row[0]) if row else 0


def _create_triggers(target: Connection, role: str, relations: Sequence[LockedRelation]) -> None:
    statements = [
        sql.SQL("create schema if not exists {}").format(sql.Identifier(FUNCTION_SCHEMA)),
        sql.SQL("create or replace function {}() returns trigger language plpgsql as {}").format(
            _FUNCTION, sql.Literal(MOVER_FENCE_BODY)
        ),
        _drop_triggers(relations),
    ]
    for relation in relations:
        words = {"table": relation.identifier, "function": _FUNCTION, "role": sql.Literal(role)}
        if relation.kind == "r":
            name = sql.Identifier(MOVER_FENCE)
            statements.append(sql.SQL(_CREATE_ROW).format(name=name, **words))
        if relation.kind != "f":
            name = sql.Identifier(MOVER_TRUNCATE_FENCE)
            statements.append(sql.SQL(_CREATE_TRUNCATE).format(name=name, **words))
    try:
        target.execute(sql.SQL("; ").join(statements))
        target.commit()
    except psycopg.Error as error:
        target.rollback()
        raise FreezeError(_refusal(role, error)) from error


def _drop_triggers(relations: Iterable[LockedRelation]) -> sql.Composed:
    drop = sql.SQL("drop trigger if exists {} on {}")
    names = [sql.Identifier(MOVER_FENCE), sql.Identifier(MOVER_TRUNCATE_FENCE)]
    return sql.SQL("; ").join(drop.format(n, r.identifier) for r in relations for n in names)


def _refusal(role: str, error: psycopg.Error) -> str:
    return (
        f"role {role} cannot be fenced on the target: {describe_error(error)}; the role of "
        "freeze.target_dsn_env must be allowed to alter it, or own the tables"
    )
