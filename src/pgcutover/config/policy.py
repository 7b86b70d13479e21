"""The section `[policy]`: rules that this migration does not follow, and why."""

from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Policy:
    """Rules that this migration does not follow, each with the reason."""

    unverified_tls: str = ""
    """Reason why the gate may connect with an sslmode below verify-full."""
    unencrypted_connections: str = ""
    """Reason why the target may accept connections without encryption."""
    numbers_near_end: str = ""
    """Reason why keys and sequences of the source may have used 80 % of their numbers."""
