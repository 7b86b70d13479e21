"""What a row of the fault list says."""

from collections.abc import Iterable
from dataclasses import dataclass

ROWS, COUNTS, RECENT, ORPHANS = "DATA-ROWS", "DATA-COUNTS", "DATA-RECENT", "DATA-ORPHANS"
COLUMNS, TABLES = "SCHEMA-COLUMNS", "SCHEMA-TABLES"
INDEXES, INDEXES_EXTRA = "SCHEMA-INDEXES", "SCHEMA-INDEXES-EXTRA"
FKS, FKS_EXTRA = "SCHEMA-FKS", "SCHEMA-FKS-EXTRA"
READABLE = "READY-READABLE"


@dataclass(frozen=True, slots=True)
class Fault:
    """A way a migration goes wrong, and exactly what must not be green then.

    `id` is that of the known fault where there is one. `says` must be found in what is reported.
    No `red` and no `unknown` means that nobody sees it: harmless where the kind says so, or blind.
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
        """The checks that do not stay green."""
        return frozenset(identity.split("[")[0] for identity in self.red | self.unknown)


def of(object_name: str, *checks: str) -> frozenset[str]:
    """Identities of several checks' answers about one object."""
    return frozenset(f"{check}[{object_name}]" for check in checks)


def every(*parts: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*parts)


UNREADABLE = (ROWS, COUNTS)
"""What cannot be decided when a table cannot be compared whole."""
