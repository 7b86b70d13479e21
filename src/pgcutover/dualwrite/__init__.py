"""Dual-write for Python applications: transactions on the source, which the outbox captures.

Nothing here writes to the target; a relay does. docs/dual-write.md explains why.
"""

from pgcutover.dualwrite.aio import AsyncDualWrite, AsyncWrites
from pgcutover.dualwrite.errors import NotAppliedError, NotCapturedError
from pgcutover.dualwrite.sync import DualWrite, Writes

__all__ = [
    "AsyncDualWrite",
    "AsyncWrites",
    "DualWrite",
    "NotAppliedError",
    "NotCapturedError",
    "Writes",
]
