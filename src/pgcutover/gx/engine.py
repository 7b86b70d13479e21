"""Judges a table of the target by its suite: what the data itself must look like."""

from collections.abc import Sequence
from pathlib import Path

from pgcutover.errors import UnreadableError
from pgcutover.gx.diff import Broken, ExpectationDiff, named
from pgcutover.gx.reading import Connect, projection
from pgcutover.gx.suite import Suite, read_suite, refuse_idle
from pgcutover.gx.validation import Evaluation, Outcome, evaluate, listed
from pgcutover.mapping import MappedTable

# of these the observed value is a count or a share; of the others it would be a row's value
_COUNTING = {
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
}
_SHOWN = 3


class TargetExpectations:
    """The suites of a folder against the target; sessions are opened when asked, then closed."""

    def __init__(self, connect: Connect, folder: Path, tables: Sequence[MappedTable]) -> None:
        """Nothing is read or opened yet; `tables` are all that migrate."""
        self._connect, self._folder = connect, folder
        self._tables = [str(table.target) for table in tables]

    def meets(self, expected_table: MappedTable) -> ExpectationDiff:
        """What of the table's suite the target does not meet.

        ConfigError or UnreadableError where that cannot be said: never a difference, never equal.
        """
        refuse_idle(self._folder, self._tables)
        table = expected_table.target
        suite = read_suite(self._folder / f"{table}.json", str(table))
        with self._connect() as connection:
            query = projection(connection, table, suite)
        return _diff(suite, evaluate(suite, query, self._connect))


def _diff(suite: Suite, evaluation: Evaluation) -> ExpectationDiff:
    outcomes = evaluation.outcomes
    broken = tuple(_broken(o) for o in outcomes if o.met is False)
    undecided = tuple(_undecided(o) for o in outcomes if o.met is None or _is_idle(o))
    if (undecided or evaluation.troubles) and not broken:
        raise UnreadableError(_doubt(suite, undecided, evaluation.troubles))
    return ExpectationDiff(suite.table, len(outcomes), broken, undecided)


def _doubt(suite: Suite, undecided: Sequence[str], troubles: Sequence[str]) -> str:
    shown = list(undecided[:_SHOWN])
    if len(undecided) > _SHOWN:
        shown.append(f"{len(undecided) - _SHOWN} more of {len(suite.expected)} likewise")
    return f"{suite.table} cannot be judged: {listed([*shown, *troubles])}"


def _is_idle(outcome: Outcome) -> bool:
    """Whether it is met only because there was no row to look at."""
    return outcome.met is True and outcome.numbers.get("element_count") == 0


def _undecided(outcome: Outcome) -> str:
    why = "could not be evaluated" if outcome.met is None else "found no row to look at"
    return f"{named(outcome.expected)} {why}"


def _broken(outcome: Outcome) -> Broken:
    numbers = outcome.numbers
    counting = outcome.expected.type in _COUNTING
    return Broken(
        outcome.expected,
        rows=numbers.get("element_count"),
        unexpected=numbers.get("unexpected_count"),
        observed=numbers.get("observed_value") if counting else None,
    )
