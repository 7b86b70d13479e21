"""What a table's suite found: which expectation, on which columns, how many rows; no values."""

from collections.abc import Iterator
from dataclasses import dataclass

from pgcutover.gx.suite import Expected
from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class Broken:
    """An expectation that the target does not meet, in numbers.

    `rows` were looked at and `unexpected` of them do not meet it; `observed` is the count or
    share that an expectation on the whole table or column is about. None is: not of this one.
    """

    expected: Expected
    rows: int | None = None
    unexpected: int | None = None
    observed: float | None = None

    def __str__(self) -> str:
        """The expectation, its columns and its numbers."""
        numbers = ", ".join(self._numbers())
        return f"{named(self.expected)}{': ' if numbers else ''}{numbers}"

    def _numbers(self) -> Iterator[str]:
        if self.unexpected is not None and self.rows:
            share = 100 * self.unexpected / self.rows
            yield f"{self.unexpected:,} of {self.rows:,} rows do not ({share:.3g} %)"
        if self.observed is not None:
            yield f"found {self.observed:,}"

    def finding(self, table: str) -> Finding:
        """The same, with its evidence apart."""
        evidence = {
            "expectation": self.expected.number,
            "columns": list(self.expected.columns),
            "rows": self.rows,
            "unexpected": self.unexpected,
            "observed": self.observed,
        }
        told = {name: value for name, value in evidence.items() if value not in (None, [])}
        return Finding(table, self.expected.type, str(self), told)


@dataclass(frozen=True, slots=True)
class ExpectationDiff:
    """The answer to one suite; truthy where an expectation is not met."""

    table: str
    judged: int
    broken: tuple[Broken, ...] = ()
    undecided: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the data differs from what is expected of it."""
        return bool(self.broken)

    def report(self) -> str:
        """One sentence: how many expectations are not met, and each of them in numbers."""
        if not self.broken:
            return f"{self.table} meets all {self.judged} expectations"
        several = "; ".join(map(str, self.broken))
        left = f"; {len(self.undecided)} could not be decided" if self.undecided else ""
        return (
            f"{self.table} does not meet {len(self.broken)} of {self.judged} expectations: "
            f"{several}{left}"
        )

    def findings(self) -> tuple[Finding, ...]:
        """One finding for every expectation that is not met."""
        return tuple(broken.finding(self.table) for broken in self.broken)


def named(expected: Expected) -> str:
    """An expectation as messages name it: its type, its columns and its place in the file."""
    of = f" of {', '.join(expected.columns)}" if expected.columns else ""
    return f"{expected.type}{of} (expectation {expected.number})"
