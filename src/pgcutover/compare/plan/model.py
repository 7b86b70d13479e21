"""A table to compare: both sides of it, ready to be asked."""

from collections.abc import Callable
from dataclasses import dataclass, field

from psycopg import sql

from pgcutover.compare.hashing.row_hash import SideHash
from pgcutover.compare.hashing.row_text import SideTable
from pgcutover.compare.plan.table_stats import TableFacts
from pgcutover.compare.scan.key_domain import GRIDS, Grid
from pgcutover.compare.scan.sessions import Answer, SideSession, saying
from pgcutover.config.tables import Tolerance
from pgcutover.sides import both

EVERYTHING = sql.SQL("true")
_FOLLOWS = 0.5  # correlation from which on reading by key does not jump about in the heap
_IN_CACHE_PAGES = 16_384
_FEW_LEAVES = 8


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a question: its table, its sessions, and which of its rows are asked about."""

    label: str
    session: SideSession
    hashes: SideHash
    facts: TableFacts
    where: sql.Composable = field(default_factory=lambda: EVERYTHING)

    @property
    def table(self) -> SideTable:
        """The table as it is read."""
        return self.hashes.table

    @property
    def is_indexed(self) -> bool:
        """Whether ranges of its key are read in about the order of its heap."""
        facts = self.facts
        if not facts.indexed or self.table.key[0] not in facts.not_null:
            return False
        if facts.kind == "p":
            return len(facts.leaves) <= _FEW_LEAVES
        return facts.correlation >= _FOLLOWS or facts.pages <= _IN_CACHE_PAGES


@dataclass(frozen=True, slots=True)
class Question:
    """A table on both sides in one snapshot each; `methods` tells how each column is compared.

    `tolerances` name their column as on the source, then as on the target.
    """

    name: str
    source: Side
    target: Side
    method: str
    methods: dict[str, str] = field(default_factory=dict)
    not_proven: tuple[str, ...] = ()
    tolerances: tuple[tuple[Tolerance, Tolerance], ...] = ()

    @property
    def rows_estimate(self) -> int:
        """About how many rows the larger side has; a hint only."""
        return max(self.source.facts.rows_estimate, self.target.facts.rows_estimate)

    @property
    def grid(self) -> Grid | None:
        """The grid of the key's first column, where both sides can be read by ranges of it."""
        if not (self.source.table.key and self.target.table.key):
            return None
        one, two = (s.facts.types[s.table.key[0]].builtin for s in (self.source, self.target))
        usable = one == two and self.source.is_indexed and self.target.is_indexed
        return GRIDS.get(one) if usable else None

    def both(self, ask: Callable[[Side], Answer]) -> tuple[Answer, Answer]:
        """The answers of both sides, asked at once."""
        connections = (*self.source.session.open, *self.target.session.open)

        def asking(side: Side) -> Callable[[], Answer]:
            def asked() -> Answer:
                with saying(side.label, self.name):
                    return ask(side)

            return asked

        return both(asking(self.source), asking(self.target), connections)
