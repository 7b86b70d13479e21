"""The dataclass of a fault."""

from collections.abc import Iterable
from dataclasses import dataclass

ROWS, COUNTS, RECENT, ORPHANS = "DATA-ROWS", "DATA-COUNTS", "DATA-RECENT", "DATA-ORPHANS"
COLUMNS, TABLES = "SCHEMA-COLUMNS", "SCHEMA-TABLES"
INDEXES, INDEXES_EXTRA = "SCHEMA-INDEXES", "SCHEMA-INDEXES-EXTRA"
FKS, FKS_EXTRA = "SCHEMA-FKS", "SCHEMA-FKS-EXTRA"
READABLE = "READY-READABLE"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a migration, and exactly the checks that must not pass with it.

    `id` is that of the known fault if there is one. `says` must occur in the report. Without `red`
    and `unknown` no check finds it: it is harmless if its kind says so, else a blind spot.
    """

    id: str
    kind: str
    what: str
    target: str = ""
    source: str = ""
    red: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()
    alone: bool = False
    """Whether it is tried without other faults and without a transaction."""

    @property
    def checks(self) -> frozenset[str]:
        """The checks that do not pass."""
        return frozenset(identity.split("[")[0] for identity in self.red | self.unknown)


def of(object_name: str, *checks: str) -> frozenset[str]:
    """Return the ids of several checks' results about one object."""
    return frozenset(f"{check}[{object_name}]" for check in checks)


def every(*parts: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*parts)


UNREADABLE = (ROWS, COUNTS)
"""What cannot be decided when a table cannot be compared whole."""
