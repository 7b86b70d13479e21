"""The section `[outbox]`: change capture by triggers on the source, and the relay."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION, OptionalVariable, Positive


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Outbox:
    """The outbox: triggers on the source record the keys of changed rows, and a relay writes these
    rows to the target. `pgcutover outbox` installs and runs it; docs/dual-write.md explains it."""

    owner_dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of a role that may create triggers on the mapped tables of
    the source and a schema in its database."""
    source_dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of the relay's role on the source: it reads the mapped
    tables and the outbox, and deletes from the outbox."""
    target_dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of the relay's role on the target, which writes the mapped
    tables, and which may set session_replication_role where they have triggers."""
    relay_role: str = ""
    """Role of the relay on the source, to which `outbox install` grants rights on the outbox."""
    application_roles: tuple[str, ...] = ()
    """Roles that may wait until their own writes are on the target (`pgcutover.dualwrite`)."""
    lock_timeout_seconds: Positive = 0.5
    """Longest wait for the lock on a table to create its triggers; writers queue behind it."""
    lock_tries: Annotated[int, Field(ge=1)] = 60
    """Number of attempts to lock a table, one second apart."""
    batch_keys: Annotated[int, Field(ge=1, le=50_000)] = 2_000
    """Largest number of entries that the relay writes in one transaction."""
    poll_seconds: Positive = 0.05
    """Time between two looks at an empty outbox."""
    max_age_seconds: Positive = 60.0
    """Age of the oldest entry above which the gate fails."""
    max_entries: Annotated[int, Field(ge=0)] = 100_000
    """Number of entries above which the gate fails."""
    parked_days: Positive = 30.0
    """Time after which the key of a parked entry is deleted; its table must then be replayed."""

    @property
    def is_on(self) -> bool:
        """Return whether the relay's source is configured."""
        return bool(self.source_dsn_env)
