"""The section `[freeze]`: the write freeze before the switch."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pgcutover.config.cutover.switch import Hook
from pgcutover.config.section import SECTION, AtLeastZero, OptionalVariable, Positive


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class FreezeSettings:
    """The write freeze: from the lock on the source's tables until the switch or the rollback."""

    mode: Literal["lock", "hook"] = "lock"
    """`lock`: writers wait for table locks. `hook`: the hook `pause` stops them first, then the
    locks are taken all the same, because they prove that no writer is left."""
    dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of the role that locks and fences the source's tables. It
    owns them, and is not the role of `source.dsn_env`."""
    target_dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of the role that raises the target's sequences and fences
    the mover's role there."""
    mover_role: str = ""
    """Role with which the mover writes to the target."""
    budget_seconds: Positive = 5.0
    """Longest freeze. The source's server ends the freeze when its session has been idle for so
    long, even if pgcutover is dead or the network is cut."""
    lock_timeout_seconds: Annotated[float, Field(ge=0.01, le=5)] = 0.2
    """Longest wait for the locks of one attempt. Most attempts of a try wait for a part of it, and
    writers go on between them."""
    tries: Annotated[int, Field(ge=1, le=100)] = 5
    """Tries for the locks, each of twenty times the lock timeout."""
    prepare_timeout_seconds: Positive = 15.0
    """Longest wait for the locks that stop vacuum and DDL, before the freeze; no writer waits."""
    max_lag_seconds: Positive = 1.0
    """Largest lag of the mover with which a freeze begins."""
    application_roles: tuple[str, ...] = ()
    """Roles of the application. Without them, all login roles that may write a table in scope."""
    connections_per_second: AtLeastZero = 10.0
    """New connections that the application opens while its writes wait."""
    pause: Hook | None = None
    """For `hook`: stops the writers, such as PgBouncer's PAUSE, which can hang: set its timeout."""
    resume: Hook | None = None
    """For `hook`: lets the writers go on. The server's own timeout does not run it."""

    def __post_init__(self) -> None:
        """Refuse the mode hook without its hooks."""
        if self.mode == "hook" and not (self.pause and self.resume):
            raise ValueError('the hooks pause and resume with mode = "hook"')
