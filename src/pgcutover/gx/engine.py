"""Runs a table's suite of expectations on the target."""

from collections.abc import Sequence
from pathlib import Path

from pgcutover.errors import UnreadableError
from pgcutover.gx.diff import Broken, ExpectationDiff, named
from pgcutover.gx.reading import Connect, projection
from pgcutover.gx.suite import Suite, read_suite, refuse_idle
from pgcutover.gx.validation import Evaluation, Outcome, evaluate, listed
from pgcutover.mapping import MappedTable

# the observed value of these is a count or a share; of all others it is a row's value
_COUNTING = {
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
}
_SHOWN = 3


class TargetExpectations:
    """The suites of a folder; a session is opened for each suite and closed afterwards."""

    def __init__(self, connect: Connect, folder: Path, tables: Sequence[MappedTable]) -> None:
        """Read and open nothing yet; `tables` are all migrated tables."""
        self._connect, self._folder = connect, folder
        self._tables = [str(table.target) for table in tables]

    def meets(self, expected_table: MappedTable) -> ExpectationDiff:
        """Return the expectations of the table's suite that the target does not meet.

        Raise ConfigError or UnreadableError if that cannot be decided.
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
    """Return whether the expectation is met only because no row was checked."""
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
