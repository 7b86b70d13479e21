"""Locks and fence of one side's mapped tables, through `pgcutover.freeze`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgcutover.config import FreezeSettings
from pgcutover.connect import Connection, open_watch, open_writer
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.protocols import Holder
from pgcutover.cutover.resolver import Side
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.freeze import (
    Freeze,
    FreezeOptions,
    PoolerHooks,
    StartFacts,
    create_fence,
    find_fenced,
    inspect_fence,
    read_relations,
    remove_fence,
    start_conditions,
)
from pgcutover.freeze.conditions.role_conditions import lacking_rights
from pgcutover.freeze.writers import Writers
from pgcutover.mapping import RelationName

_MOST_NAMED = 6  # rights, which may be missing on every table


@dataclass(slots=True)
class TableFreeze:
    """The freeze of one side; the marker table is left out, so that markers can be written."""

    side: Side
    dsn: str = field(repr=False)
    tables: tuple[RelationName, ...]
    marker: RelationName
    settings: FreezeSettings
    verifier_dsn: str = field(repr=False)
    pooler: PoolerHooks | None = None
    _freeze: Freeze | None = None

    def lacking_rights(self) -> list[str]:
        """Return the rights that the role of `dsn` lacks to lock and fence the tables."""
        with self._writer() as connection:
            relations = read_relations(connection, self.tables, (self.marker,))
            found = [
                f"{self.side}: {each.message}" for each in lacking_rights(connection, relations)
            ]
            connection.rollback()
        if len(found) > _MOST_NAMED:
            found[_MOST_NAMED:] = [f"{self.side}: and {len(found) - _MOST_NAMED} more such rights"]
        return found

    def problems(self, lag_seconds: float | None, proof_seconds: float | None) -> list[str]:
        """Return why no freeze may begin now."""
        role = conninfo_to_dict(self.verifier_dsn).get("user")
        facts = StartFacts(lag_seconds, proof_seconds, str(role or ""))
        with self._writer() as connection:
            relations = read_relations(connection, self.tables, (self.marker,))
            connection.rollback()
            found = start_conditions(connection, relations, self.settings, facts)
            connection.rollback()
        return [each.message for each in found]

    def prepare(self, holder: Holder) -> None:
        """Keep vacuum and DDL away; no writer waits."""
        self._freeze = Freeze(
            lambda: open_writer(self.dsn),
            lambda: open_watch(self.dsn),
            self.tables,
            self._options(),
            (self.marker,),
            self.pooler,
            holder,
        )
        self._freeze.prepare()

    def lock(self) -> Mapping[str, object]:
        """Make writers wait; return the tries, the times and the position."""
        freeze = self._opened()
        result = asdict(freeze.lock())
        return {**result, "frozen_seconds": self.settings.budget_seconds - freeze.seconds_left}

    def verify(self) -> None:
        """Raise FreezeError unless the server still holds the locks."""
        self._opened().verify()

    def is_locked(self) -> bool:
        """Return whether writers wait for this process."""
        return self._freeze is not None and self._freeze.is_locked

    @property
    def backend_pid(self) -> int:
        """The server's process that holds the locks; 0 if none does."""
        return (self._freeze.backend_pid if self._freeze else None) or 0

    def fence_and_commit(self) -> Mapping[str, object]:
        """Refuse writes from now on; return the roles that the fence does not stop."""
        found: list[Writers] = []
        self._opened().fence_and_commit(found.append)
        self.unlock()
        return {"superusers": found[0].superusers, "may_bypass": found[0].may_bypass}

    def unlock(self) -> None:
        """Let go of the locks, if there are any."""
        freeze, self._freeze = self._freeze, None
        if freeze is not None:
            freeze.__exit__(None, None, None)

    def resume_clients(self) -> None:
        """Run the hook `resume`, if there is one; StepError if it fails."""
        if self.pooler is not None:
            self.pooler.resume()

    def fence(self) -> None:
        """Refuse writes on every table."""
        with self._writer() as connection:
            relations = read_relations(connection, self.tables, (self.marker,))
            create_fence(connection, relations)

    def unfence(self) -> None:
        """Accept writes on every table; triggers that are left over refuse nothing."""
        with self._writer() as connection:
            remove_fence(connection)

    def is_fenced(self) -> bool:
        """Return whether every table refuses writes."""
        with self._writer() as connection:
            relations = read_relations(connection, self.tables, (self.marker,))
            return inspect_fence(connection, relations).is_complete

    def is_open(self) -> bool:
        """Return whether no table refuses writes."""
        with self._writer() as connection:
            return not find_fenced(connection)

    def _options(self) -> FreezeOptions:
        own = self.settings
        return FreezeOptions(
            own.budget_seconds,
            own.lock_timeout_seconds,
            own.tries,
            own.prepare_timeout_seconds,
            (own.mover_role,) if own.mover_role else (),
        )

    def _opened(self) -> Freeze:
        if self._freeze is None:
            raise StepError(f"the {self.side} is not prepared for a freeze; please report it")
        return self._freeze

    def _writer(self) -> Connection:
        try:
            return open_writer(self.dsn)
        except psycopg.Error as error:
            raise StepError(f"{self.side}: cannot connect: {describe_error(error)}") from error
