"""The section `[dual_write]`: an application that writes to both sides itself."""

from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class DualWriteSettings:
    """An application that writes to the target too, after each write to the source. The checks
    DUAL-TRIGGERS, DUAL-SEQUENCES and DUAL-RECENT judge it; the outbox needs no such application."""

    application_role: str = ""
    """Role by which the application writes to the target."""
