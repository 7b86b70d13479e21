"""The parts that a cutover drives, reduced to what it calls; `wiring.py` makes the real ones."""

from collections.abc import Mapping
from typing import Protocol

from pgcutover.cutover.resolver import Side


class Holder(Protocol):
    """Sessions that read the writer's tables in the freeze.

    A request for ACCESS EXCLUSIVE that waits for the freeze would lock them out, so they lock the
    tables for reading before it, and release them whenever the freeze gives its locks up.
    """

    def hold(self) -> None:
        """Lock the tables for reading, once vacuum and DDL are locked out."""

    def release(self) -> None:
        """Let go of these locks."""


class SideFreeze(Protocol):
    """Locks and fence of one side's tables."""

    def lacking_rights(self) -> list[str]:
        """Return the rights that the role lacks to lock and fence the side."""

    def problems(self, lag_seconds: float | None, proof_seconds: float | None) -> list[str]:
        """Return why no freeze may begin now; None is what could not be measured."""

    def prepare(self, holder: Holder) -> None:
        """Keep vacuum and DDL away; no writer waits."""

    def lock(self) -> Mapping[str, object]:
        """Make writers wait; return facts for the journal."""

    def verify(self) -> None:
        """Raise unless the server still holds the locks."""

    def is_locked(self) -> bool:
        """Return whether writers wait for this process."""

    @property
    def backend_pid(self) -> int:
        """The server's process that holds the locks; 0 if none does."""

    def fence_and_commit(self) -> Mapping[str, object]:
        """Refuse writes from now on, and let go of the locks."""

    def unlock(self) -> None:
        """Let writers go on."""

    def resume_clients(self) -> None:
        """Let a pooler's clients go on that a process which is gone may have paused."""

    def fence(self) -> None:
        """Refuse writes, where nobody waits; nothing if they are refused."""

    def unfence(self) -> None:
        """Accept writes; nothing if they are accepted."""

    def is_fenced(self) -> bool:
        """Return whether every table refuses writes."""

    def is_open(self) -> bool:
        """Return whether no table refuses writes."""


class Mover(Protocol):
    """Carries rows from the writer to the standby, in one or more streams."""

    def problems(self, writer: Side) -> list[str]:
        """Return what keeps it from being fenced on the standby, or from the way back."""

    def lag_seconds(self, writer: Side) -> float | None:
        """Return how long a change takes to the standby; None if it does not arrive."""

    def drain(self, writer: Side, seconds: float) -> Mapping[str, object]:
        """Wait until everything committed on the writer is on the standby, in every stream."""

    def fence(self, writer: Side) -> None:
        """Keep it from writing to the standby."""

    def unfence(self, writer: Side) -> None:
        """Let it write to the standby again."""

    def is_fenced(self, writer: Side) -> bool | None:
        """Return whether it cannot write to the standby; None where that cannot be seen."""

    def prepare(self, side: Side) -> None:
        """Make on a side what a stream from it needs before its slot is created."""

    def start(self, writer: Side, slot: str) -> None:
        """Carry the changes that the slot on the writer holds; end the stream the other way."""

    def is_running(self, writer: Side) -> bool:
        """Return whether it carries changes from the writer."""

    def finish(self, writer: Side) -> list[str]:
        """End all streams for good; return what still costs money."""


class FinalGate(Holder, Protocol):
    """Proves, while nothing moves, that both sides hold the same rows."""

    def prepare(self, writer: Side) -> float | None:
        """Do before the freeze what can be done then; return the forecast of the proof's time."""

    def prove(self, writer: Side, seconds: float) -> Mapping[str, object]:
        """Return facts of the proof; StepError where it is not a PASS."""

    def close(self) -> None:
        """Close what was opened."""


class ReturnSlot(Protocol):
    """Logical slots on the standby, from which the mover starts after the opening."""

    def problems(self, side: Side, name: str) -> list[str]:
        """Return why the slot cannot be created."""

    def create(self, side: Side, name: str) -> None:
        """Create the slot; nothing if it exists, unused. StepError if the name is taken."""

    def exists(self, side: Side, name: str) -> bool:
        """Return whether the slot exists."""

    def advance(self, side: Side, name: str, seconds: float) -> str:
        """Move the slot to the present position of its server, and return that."""

    def drop(self, side: Side, name: str) -> None:
        """Drop the slot; nothing if it does not exist."""


class Sequences(Protocol):
    """Positions of the sequences of both sides."""

    def raise_on(self, standby: Side) -> Mapping[str, object]:
        """Set the standby's sequences beyond all values that either side has given."""

    def prepare(self, standby: Side) -> None:
        """Do before the freeze what can be done then."""

    def close(self) -> None:
        """Close what was opened."""
