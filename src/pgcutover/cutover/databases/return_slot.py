"""Logical slots that hold the changes of a side from its opening on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from pgcutover.connect import Connection, open_owner
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.error_texts.database_errors import describe_error

T = TypeVar("T")

_CREATE_SECONDS = 60
_FIND = """
select plugin::text, active, database = current_database(),
       coalesce(to_jsonb(s) ->> 'wal_status', 'reserved') from pg_replication_slots s
where slot_name = %s
"""
_ROOM = """
select current_setting('wal_level'), current_setting('max_replication_slots')::int,
       (select count(*) from pg_replication_slots where slot_name <> %s),
       current_user::text, pg_is_in_recovery(),
       (select rolsuper or rolreplication from pg_roles where rolname = current_user)
       or exists (select from pg_roles where rolname = any(%s)
                  and pg_has_role(current_user, oid, 'usage'))
"""
_MANAGED = ["rds_replication", "rds_superuser", "cloudsqlsuperuser", "azure_pg_admin"]
_CREATE = "select pg_create_logical_replication_slot(%s, %s)"
# only flushed WAL can be passed, and the flush is that of a commit of ours
_ADVANCE = """
select end_lsn::text from pg_replication_slot_advance(%s, pg_current_wal_flush_lsn())
"""
_FLUSH = "select pg_logical_emit_message(true, 'pgcutover', 'advance')"
_TAKEN = (
    "the slot name {} is taken by a slot that is in use, or of another database or plugin; drop "
    "that slot, or rename the migration"
)
_TOO_LITTLE_WAL = (
    "expected wal_level logical, found {}; without it nothing carries writes back. Set it (on RDS "
    "the parameter rds.logical_replication) and restart"
)
_DROP = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s"


@dataclass(frozen=True, slots=True)
class LogicalSlots:
    """Slots on both sides; `dsns` are of roles that may create them."""

    dsns: Mapping[Side, str] = field(repr=False)
    plugin: str = "pgoutput"

    def problems(self, side: Side, name: str) -> list[str]:
        """Return why the slot cannot be created: WAL level, room, rights, or its name is taken."""

        def find(connection: Connection) -> list[str]:
            row = connection.execute(_ROOM, [name, _MANAGED]).fetchone()
            slot = connection.execute(_FIND, [name]).fetchone()
            return [f"{side}: {each}" for each in self._problems(name, row or (), slot)]

        return self._run(side, "slots cannot be read", _CREATE_SECONDS, find)

    def _problems(self, name: str, row: Sequence[Any], slot: Sequence[Any] | None) -> Iterator[str]:
        level, most, others, role, is_standby, may_create = row
        if level != "logical":
            yield _TOO_LITTLE_WAL.format(level)
        if is_standby:
            yield "expected a primary, on which a slot can be created, found a standby"
        if not may_create:
            yield (
                f"role {role} may not create the slot {name}; alter role {role} replication (on "
                f"RDS: grant rds_replication to {role})"
            )
        if slot is not None and self._is_taken(slot):
            yield _TAKEN.format(name)
        if slot is None and others >= most:
            yield (
                f"all {most} replication slots are in use, and the slot {name} needs one; drop "
                "one that nobody needs, or raise max_replication_slots and restart"
            )

    def _is_taken(self, slot: Sequence[Any]) -> bool:
        plugin, active, is_here, _ = slot
        return bool(active or not is_here or plugin != self.plugin)

    def create(self, side: Side, name: str) -> None:
        """Create the slot; an unused one of an earlier attempt is replaced."""

        def create(connection: Connection) -> None:
            _refuse_without_decoding(connection, side)
            row = connection.execute(_FIND, [name]).fetchone()
            if row is not None and self._is_taken(row):
                raise StepError(f"{side}: {_TAKEN.format(name)}")
            if row is not None:
                connection.execute(_DROP, [name])
            connection.execute(_CREATE, [name, self.plugin])

        self._run(side, f"the slot {name} cannot be created", _CREATE_SECONDS, create)

    def exists(self, side: Side, name: str) -> bool:
        """Return whether the slot exists, and its WAL too."""
        row = self._run(
            side,
            "slots cannot be read",
            _CREATE_SECONDS,
            lambda connection: connection.execute(_FIND, [name]).fetchone(),
        )
        return row is not None and row[3] != "lost"

    def advance(self, side: Side, name: str, seconds: float) -> str:
        """Move the slot past everything that is committed on its server."""

        def advance(connection: Connection) -> str:
            connection.execute(_FLUSH)
            row = connection.execute(_ADVANCE, [name]).fetchone()
            return str(row[0]) if row else ""

        return self._run(side, f"the slot {name} cannot be advanced", seconds, advance)

    def drop(self, side: Side, name: str) -> None:
        """Drop the slot, if it exists."""
        self._run(
            side,
            f"the slot {name} cannot be dropped",
            _CREATE_SECONDS,
            lambda connection: connection.execute(_DROP, [name]) and None,
        )

    def _run(self, side: Side, what: str, seconds: float, call: Callable[[Connection], T]) -> T:
        try:
            with open_owner(self.dsns[side]) as connection:
                milliseconds = max(1, int(seconds * 1000))
                connection.execute(f"set statement_timeout to {milliseconds}".encode())
                connection.execute("set synchronous_commit to on")
                return call(connection)
        except psycopg.Error as error:
            raise StepError(f"{side}: {what}: {describe_error(error)}") from error


def _refuse_without_decoding(connection: Connection, side: Side) -> None:
    """Raise StepError where the server keeps too little WAL for a logical slot."""
    ((level,),) = connection.execute("select current_setting('wal_level')").fetchall()
    if level != "logical":
        raise StepError(f"{side}: {_TOO_LITTLE_WAL.format(level)}")
