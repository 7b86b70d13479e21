"""A table to compare: its two sides, with everything that queries on them need."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from psycopg import sql

from pgcutover.compare.hashing.row_hash import SideHash
from pgcutover.compare.hashing.row_text import ComparedTable
from pgcutover.compare.plan.key_domain import KEY_DOMAINS, KeyDomain
from pgcutover.compare.plan.table_stats import IN_CACHE_PAGES, TableStats
from pgcutover.compare.scan.sessions import SideSession
from pgcutover.config.tables import Tolerance
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.sides import Sides, fetch_both

T = TypeVar("T")

EVERYTHING = sql.SQL("true")
ALL_ROWS: Sides[sql.Composable] = Sides(EVERYTHING, EVERYTHING)
_CORRELATED = 0.5  # from here on an index scan reads the heap about in order
_FEW_LEAVES = 8


@dataclass(frozen=True, slots=True)
class TableSide:
    """One side of a comparison: its table, its sessions, and the condition on its rows."""

    name: str
    label: str
    session: SideSession
    hashes: SideHash
    stats: TableStats
    where: sql.Composable = field(default_factory=lambda: EVERYTHING)

    @property
    def table(self) -> ComparedTable:
        """The table as it is read."""
        return self.hashes.table

    @property
    def has_index_in_heap_order(self) -> bool:
        """Return whether an index scan over ranges of the key reads the heap about in its order."""
        stats = self.stats
        if not stats.indexed or self.table.key[0] not in stats.not_null:
            return False
        if stats.kind == "p":
            return len(stats.leaves) <= _FEW_LEAVES
        return stats.correlation >= _CORRELATED or stats.pages <= IN_CACHE_PAGES

    def fetch(self, query: sql.Composed, *, by_index: bool = False) -> list[tuple[Any, ...]]:
        """Return a query's rows in the current snapshot; UnreadableError where it fails."""
        return self.fetch_timed(query, by_index=by_index)[0]

    def fetch_timed(
        self, query: sql.Composed, *, by_index: bool = False
    ) -> tuple[list[tuple[Any, ...]], float]:
        """Return a query's rows and the seconds it took; UnreadableError where it fails."""
        with unreadable_on_error(self.label, self.name):
            return self.session.fetch(query, by_index=by_index)


@dataclass(frozen=True, slots=True)
class TableComparison:
    """A table on both sides, in one snapshot each; `methods` says how each column is compared."""

    name: str
    sides: Sides[TableSide]
    method: str
    methods: dict[str, str] = field(default_factory=dict)
    not_proven: tuple[str, ...] = ()
    tolerances: tuple[Sides[Tolerance], ...] = ()

    @property
    def rows_estimate(self) -> int:
        """An estimate of the rows of the larger side."""
        return max(side.stats.rows_estimate for side in self.sides)

    @property
    def key_domain(self) -> KeyDomain | None:
        """The domain of the key's first column, where both sides can be read by key ranges."""
        if not all(side.table.key and side.has_index_in_heap_order for side in self.sides):
            return None
        source, target = self.sides.map(lambda s: s.stats.types[s.table.key[0]].builtin)
        return KEY_DOMAINS.get(source) if source == target else None

    @property
    def common_types(self) -> list[str]:
        """The built-in type of each column, '' where it is not the same on both sides."""
        types = self.sides.map(
            lambda side: [side.stats.types[column].builtin for column in side.table.columns]
        )
        return [a if a == b else "" for a, b in zip(*types, strict=True)]

    def fetch_both(self, fetch: Callable[[TableSide], T]) -> Sides[T]:
        """Return what `fetch` returns for each side, called for both at the same time."""
        source, target = self.sides
        connections = (*source.session.open, *target.session.open)
        return fetch_both(lambda: fetch(source), lambda: fetch(target), connections)

    def narrow(self, condition: Callable[[TableSide], sql.Composable]) -> "TableComparison":
        """Return the comparison of the rows that meet a condition."""
        return replace(self, sides=self.sides.map(lambda s: replace(s, where=condition(s))))
