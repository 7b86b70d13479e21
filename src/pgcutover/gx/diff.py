"""Results of a table's suite: expectations, columns and numbers of rows, without values."""

from collections.abc import Iterator
from dataclasses import dataclass

from pgcutover.gx.suite import Expected
from pgcutover.text.words import agree, count_noun
from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class Broken:
    """An expectation that the target does not meet, in numbers.

    `unexpected` of `rows` rows do not meet it. `observed` is the count or share of an expectation
    on the whole table or column. None means that the number does not apply.
    """

    expected: Expected
    rows: int | None = None
    unexpected: int | None = None
    observed: float | None = None

    def __str__(self) -> str:
        """Return the expectation, its columns and its numbers."""
        numbers = ", ".join(self._numbers())
        return f"{named(self.expected)}{': ' if numbers else ''}{numbers}"

    def _numbers(self) -> Iterator[str]:
        if self.unexpected is not None and self.rows:
            share = 100 * self.unexpected / self.rows
            verb = agree(self.unexpected, "does", "do")
            rows = count_noun(self.rows, "row")
            yield f"{self.unexpected:,} of {rows} {verb} not ({share:.3g} %)"
        if self.observed is not None:
            yield f"found {self.observed:,}"

    def finding(self, table: str) -> Finding:
        """Return the finding with its evidence."""
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
    """The result of one suite; truthy if an expectation is not met."""

    table: str
    judged: int
    broken: tuple[Broken, ...] = ()
    undecided: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether an expectation is not met."""
        return bool(self.broken)

    def report(self) -> str:
        """Return one sentence: the number of unmet expectations, and each of them in numbers."""
        if not self.broken:
            return f"{self.table} meets all {self.judged} expectations"
        several = "; ".join(map(str, self.broken))
        left = f"; {len(self.undecided)} could not be decided" if self.undecided else ""
        return (
            f"{self.table} does not meet {len(self.broken)} of {self.judged} expectations: "
            f"{several}{left}"
        )

    def findings(self) -> tuple[Finding, ...]:
        """Return a finding for each unmet expectation."""
        return tuple(broken.finding(self.table) for broken in self.broken)


def named(expected: Expected) -> str:
    """Return an expectation's name in messages: type, columns and position in the file."""
    of = f" of {', '.join(expected.columns)}" if expected.columns else ""
    return f"{expected.type}{of} (expectation {expected.number})"
