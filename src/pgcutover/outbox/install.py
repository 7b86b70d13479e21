"""Installs and removes the outbox: what must not be there, the steps, and their locks."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from pgcutover.config import Outbox
from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error, quote_name
from pgcutover.errors import ConfigError, ServerError
from pgcutover.mapping import MappedTable, MappingRules, RelationName
from pgcutover.outbox.capture_sql import (
    FORMAT,
    Step,
    Trigger,
    capture_table,
    create_outbox,
    drop_outbox,
    release_table,
)
from pgcutover.outbox.model import SCHEMA
from pgcutover.outbox.tables import (
    CapturePlan,
    find_moved_members,
    plan_capture,
    read_numbers,
)
from pgcutover.schema.explained.own_triggers import CAPTURE as ROW_TRIGGER
from pgcutover.schema.explained.own_triggers import CAPTURE_TRUNCATE as TRUNCATE_TRIGGER

_RETRY_SECONDS = 1.0
_OUTBOX = RelationName(SCHEMA, "outbox")
_MIGRATION = "select name, format from pgcutover.outbox_migration"
_EXISTS = "select to_regclass('pgcutover.outbox_migration') is not null, pg_is_in_recovery()"
_PUBLICATIONS = """
select p.pubname from pg_publication p
 where p.puballtables
    or exists (select from json_to_recordset((select coalesce(json_agg(to_json(s)), '[]')
                 from {} s)) as n (pnpubid oid, pnnspid oid)
               where n.pnpubid = p.oid and n.pnnspid = to_regnamespace('pgcutover'))
 order by 1
"""
_TRIGGERS = """
select n.nspname, c.relname, t.tgname, pn.nspname = 'pgcutover' and p.proname like 'outbox%%',
       t.tgenabled = 'A', c.relispartition and t.tgtype & 1 = 1
  from pg_trigger t
  join pg_proc p on p.oid = t.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
  join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
 where t.tgname = any (%s)
 order by 1, 2, 3
"""
_RIGHTS = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join unnest(%s::text[], %s::text[]) w (schema, name)
    on w.schema = n.nspname and w.name = c.relname
 where not pg_has_role(c.relowner, 'usage')
 order by 1, 2
"""
_OTHERS = """
select exists (select from pg_class where relnamespace = to_regnamespace('pgcutover')
               and relname not like 'outbox%')
    or exists (select from pg_proc where pronamespace = to_regnamespace('pgcutover')
               and proname not like 'outbox%')
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """The outbox in the catalog.

    `triggers` are ours, without the copies on partitions; `disabled` do not always fire.
    """

    migration: str | None
    triggers: tuple[Trigger, ...]
    foreign: tuple[Trigger, ...]
    disabled: tuple[Trigger, ...]


def read_installed(connection: Connection) -> Installed:
    """Return what the catalog has of the outbox; ServerError on a standby."""
    exists, in_recovery = connection.execute(_EXISTS).fetchone() or (False, False)
    if in_recovery:
        raise ServerError("source: expected the primary, found a standby; name the primary")
    found = connection.execute(_MIGRATION).fetchone() if exists else None
    if found is not None and found[1] != FORMAT:
        raise ServerError(
            f"the outbox has format {found[1]}, expected {FORMAT}; it is of another release: "
            "uninstall it with that release"
        )
    rows = connection.execute(_TRIGGERS.encode(), [[ROW_TRIGGER, TRUNCATE_TRIGGER]]).fetchall()
    named = [((RelationName(*row[:2]), row[2]), *row[3:]) for row in rows]
    return Installed(
        found[0] if found else None,
        tuple(trigger for trigger, ours, _, copied in named if ours and not copied),
        tuple(trigger for trigger, ours, *_ in named if not ours),
        tuple(trigger for trigger, ours, always, _ in named if ours and not always),
    )


def plan_install(
    connection: Connection,
    migration: str,
    outbox: Outbox,
    rules: MappingRules,
    mapped: Sequence[MappedTable],
) -> tuple[CapturePlan, list[Step]]:
    """Return the captured tables, and the steps that are missing.

    ConfigError or ServerError where the outbox cannot be installed: nothing has been changed.
    """
    found = read_installed(connection)
    refuse_another_migration(found.migration, migration)
    _refuse_carriers(connection, rules)
    numbers = read_numbers(connection) if found.migration else {}
    plan = plan_capture(connection, mapped, numbers=numbers)
    members = [member for table in plan.tables for member in table.members]
    _refuse_foreign_triggers(found, members)
    _refuse_missing_rights(connection, members, is_new=found.migration is None)
    steps = [] if found.migration else [create_outbox(migration, outbox)]
    for table in plan.tables:
        wanted = {(m, TRUNCATE_TRIGGER) for m in table.members} | {(table.name, ROW_TRIGGER)}
        has_all = table.name in numbers and wanted <= {*found.triggers}
        if not has_all or find_moved_members(connection, table):
            steps.append(capture_table(table, found.triggers))
    return plan, steps


def plan_uninstall(connection: Connection, migration: str) -> list[Step]:
    """Return the steps that remove the outbox; none where there is none."""
    found = read_installed(connection)
    if found.migration is None:
        return []
    refuse_another_migration(found.migration, migration)
    tables = sorted({on for on, _ in found.triggers})
    steps = [release_table(on, [t for o, t in found.triggers if o == on]) for on in tables]
    others = connection.execute(_OTHERS).fetchone() or (True,)
    numbers = read_numbers(connection).values()
    return [*steps, drop_outbox(numbers, with_schema=not others[0])]


def apply_step(connection: Connection, step: Step, outbox: Outbox) -> None:
    """Run a step in one transaction; while its table is locked, try again.

    Writers queue behind a waiting lock, so each wait is short. ServerError after the last attempt.
    """
    for attempt in range(1, outbox.lock_tries + 1):
        try:
            with connection.transaction():
                timeout = round(outbox.lock_timeout_seconds * 1000)
                connection.execute(f"set local lock_timeout = {timeout}".encode())
                for statement in step.statements:
                    connection.execute(statement)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if attempt == outbox.lock_tries:
                raise ServerError(
                    f"{step.title}: expected the lock on {step.table} within "
                    f"{outbox.lock_timeout_seconds:g} s, found it taken in {attempt} attempts; end "
                    "the sessions that hold it and run again: steps before this one are kept"
                ) from error
            time.sleep(_RETRY_SECONDS)
        except psycopg.Error as error:
            raise ServerError(f"{step.title}: {describe_error(error)}") from error
        else:
            return


def refuse_another_migration(found: str | None, migration: str) -> None:
    """Raise ServerError where the outbox was installed for another migration."""
    if found not in (None, migration):
        raise ServerError(
            f"the source has the outbox of migration {found!r}, expected that of "
            f"{migration!r}; uninstall that one first, with its migration.toml"
        )


def _refuse_carriers(connection: Connection, rules: MappingRules) -> None:
    """Raise where a mover would carry the outbox: its entries stop a subscription."""
    if rules.selects(_OUTBOX):
        raise ConfigError(
            "the mapping rules select pgcutover.outbox, which AWS DMS would load; add a selection "
            "rule that excludes schema pgcutover"
        )
    has_schemas = connection.info.server_version >= 150_000
    table = "pg_publication_namespace" if has_schemas else "(select 1 where false)"
    found = connection.execute(_PUBLICATIONS.format(table).encode()).fetchall()
    if found:
        names = ", ".join(quote_name(name) for (name,) in found)
        raise ServerError(
            f"publication {names} would carry pgcutover.outbox to its subscribers, where it stops "
            "the subscription; publish the tables by name instead of FOR ALL TABLES"
        )


def _refuse_foreign_triggers(found: Installed, members: Sequence[RelationName]) -> None:
    for on, trigger in found.foreign:
        if on in members:
            raise ServerError(
                f"{on} has a trigger {trigger} that is not of pgcutover; rename it: alter trigger "
                f"{trigger} on {quote_name(on.schema, on.name)} rename to ..."
            )


def _refuse_missing_rights(
    connection: Connection, members: Sequence[RelationName], *, is_new: bool
) -> None:
    rights = connection.execute(
        "select has_database_privilege(current_database(), 'create')"
    ).fetchone()
    role = quote_name(connection.info.user)
    if is_new and rights == (False,):
        raise ServerError(
            f"source: role {role} may not create schema pgcutover; run: grant create on database "
            f"{quote_name(connection.info.dbname)} to {role}"
        )
    wanted = [[m.schema for m in members], [m.name for m in members]]
    if rows := connection.execute(_RIGHTS, wanted).fetchall():
        name = quote_name(*rows[0])
        raise ServerError(
            f"source: expected role {role} to own the captured tables, found another owner of "
            f"{name} and {len(rows) - 1} more; use the owner's DSN in outbox.owner_dsn_env"
        )
