"""Snapshots of a primary, and the transactions whose changes they see. Pure.

PostgreSQL 17, 9.27 "System Information Functions", table 9.81: a snapshot is written as
`xmin:xmax:xip_list`. The list holds top-level transactions only, so a subtransaction that is asked
for looks visible while its parent still runs.
"""

from dataclasses import dataclass

from pgcutover.errors import UnreadableError

_XIDS = 1 << 32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot: transactions below `xmin` have ended, those from `xmax` on have not begun.

    Between the two, those in `running` had not ended.
    """

    xmin: int
    xmax: int
    running: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Return the snapshot that pg_current_snapshot() wrote; UnreadableError for other texts."""
        try:
            xmin, xmax, running = text.split(":")
            xids = frozenset(int(xid) for xid in running.split(",") if xid)
            return cls(int(xmin), int(xmax), xids)
        except ValueError as error:
            raise UnreadableError(
                f"expected a snapshot as xmin:xmax:running, found {text!r}"
            ) from error

    def __str__(self) -> str:
        """The text as PostgreSQL writes it."""
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.running)))}"

    def sees(self, xid: int) -> bool:
        """Return what pg_visible_in_snapshot returns: the transaction had ended.

        An aborted transaction is seen too, and changed nothing.
        """
        if xid < self.xmin:
            return True
        return xid < self.xmax and xid not in self.running

    def includes(self, earlier: "Snapshot") -> bool:
        """Return whether this snapshot sees every transaction that `earlier` sees."""
        if any(earlier.sees(xid) for xid in self.running):
            return False
        # transactions that this snapshot takes for later ones were running in the earlier one
        later = range(self.xmax, earlier.xmax)
        return len(later) <= len(earlier.running) and all(x in earlier.running for x in later)

    def after_all_known(self) -> "Snapshot":
        """Return a snapshot that only later ones include in which none of these still runs."""
        return Snapshot(self.xmax, self.xmax)


def widen(xid: int, near: int) -> int:
    """Return the 64-bit id of a 32-bit one, within 2^31 transactions of `near`.

    A slot holds back the horizon of catalog rows, so the server stops before ids in the retained
    WAL are further apart.
    """
    distance = (xid - near) % _XIDS
    return near + distance - (_XIDS if distance >= _XIDS // 2 else 0)
