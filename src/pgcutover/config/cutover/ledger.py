"""The section `[ledger]`: the change ledger on both sides."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION, AtLeastZero, OptionalVariable, Positive

_SLOT = r"^[a-z0-9_]{1,63}$"


def _slot(name: str) -> str:
    if not re.match(_SLOT, name):
        raise ValueError("lower-case letters, digits and underscores, at most 63")
    return name


SlotName = Annotated[
    str, AfterValidator(_slot), WithJsonSchema({"type": "string", "pattern": _SLOT})
]


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Ledger:
    """The change ledger: a logical slot and a publication on each side, which this section
    switches on. Its roles need REPLICATION (on RDS `rds_replication`), CREATE on the database and
    the ownership of the mapped tables, because only an owner may publish a table."""

    source_dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of a role that may create a slot and a publication on the
    source."""
    target_dsn_env: OptionalVariable = ""
    """The same for the target."""
    slot: SlotName = "pgcutover_ledger"
    """Name of the slot and of the publication on both sides."""
    create_timeout_seconds: Positive = 60.0
    """Longest wait for the slot: creating one waits for the transactions that are writing."""
    max_retained_wal_mb: AtLeastZero = 10_240.0
    """WAL that a slot may retain before `pgcutover ledger` warns; 0 does not watch."""
    batch_keys: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    """Keys that are compared again in one snapshot."""

    @property
    def is_on(self) -> bool:
        """Return whether both sides are configured."""
        return bool(self.source_dsn_env and self.target_dsn_env)
