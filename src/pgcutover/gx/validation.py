"""Great Expectations itself: imported only when used, kept silent, left without a value to tell.

It has no complete types, so everything that comes from it is `Any`, and stays in this module.
"""

import importlib
import io
import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from pgcutover.errors import ConfigError, PgCutoverError, UnreadableError
from pgcutover.gx.reading import Connect, Connection, guarded_cursor
from pgcutover.gx.suite import Expected, Suite

# our own sessions are handed over, so this names no server; the validation of the URL wants a user
_NOWHERE = "postgresql+psycopg://pgcutover@target.invalid/none"
# counts are wanted, the values they count are not
_COUNTS_ONLY = {
    "result_format": "BASIC",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
}
_NUMBER = "pgcutover_expectation"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation; `met` is None where it could not be evaluated."""

    expected: Expected
    met: bool | None
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of every expectation, in the order of the suite, and what went wrong."""

    outcomes: tuple[Outcome, ...]
    troubles: tuple[str, ...]


def evaluate(suite: Suite, query: str, connect: Connect) -> Evaluation:
    """Great Expectations' answer to a suite over the rows of `query`.

    ConfigError where an expectation is not one that Great Expectations takes; UnreadableError
    where it did not come to an end.
    """
    troubles: list[str] = []
    results: list[Any] | None = None
    with silence():
        gx = _load()
        expectations = [_build(e, suite.table) for e in suite.expected]
        try:
            with closing(_Sessions(connect, query, troubles)) as sessions:
                results = _run(gx, expectations, query, sessions.open)
        except Exception as error:
            troubles.append(f"Great Expectations ended with {type(error).__name__}")
    # raised outside of the except clause: what was caught may quote a row, and must not be linked
    if results is None:
        raise UnreadableError(f"{suite.table} cannot be judged: {listed(troubles)}")
    return Evaluation(_outcomes(suite, results), tuple(troubles))


@contextmanager
def silence() -> Iterator[None]:
    """Nothing is printed, logged or warned meanwhile: Great Expectations logs row values."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _load() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "False"  # read at import by versions that report usage
    try:
        importlib.import_module("sqlalchemy")
        return importlib.import_module("great_expectations")
    except ImportError as error:
        raise ConfigError(
            f"expectations need {error.name}, which is not installed; "
            "run pip install 'pgcutover[expectations]', or take expectations out of migration.toml"
        ) from error


def _build(expected: Expected, table: str) -> Any:
    module = importlib.import_module("great_expectations.expectations.expectation_configuration")
    try:
        return module.ExpectationConfiguration(
            type=expected.type, kwargs=dict(expected.kwargs), meta={_NUMBER: expected.number}
        ).to_domain_obj()
    except Exception as error:  # whatever it is, it is about the suite: no row was read yet
        raise ConfigError(
            f"{table}.json: expectation {expected.number} ({expected.type}) is not as Great "
            f"Expectations takes it: {' '.join(str(error).split())}"
        ) from error


class _Sessions:
    """The sessions that Great Expectations may use; they end with its work, whatever it does."""

    def __init__(self, connect: Connect, query: str, troubles: list[str]) -> None:
        self._connect, self._opened, self._troubles = connect, list[Connection](), troubles
        self._cursor = guarded_cursor(query, troubles)

    def open(self) -> Connection:
        """One more session, with the cursor that lets no row through."""
        try:
            connection = self._connect()
        except PgCutoverError as error:  # Great Expectations would keep only its own words
            self._troubles.append(str(error))
            raise
        self._opened.append(connection)
        connection.cursor_factory = self._cursor
        return connection

    def close(self) -> None:
        """End all sessions."""
        for connection in self._opened:
            connection.close()


def _run(gx: Any, expectations: Sequence[Any], query: str, connect: Connect) -> list[Any]:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres(
        "target",
        connection_string=_NOWHERE,
        create_temp_table=False,
        kwargs={"creator": connect},
    )
    try:
        asset = source.add_query_asset("table", query=query)
        batch = asset.add_batch_definition_whole_table("whole").get_batch()
        suite = gx.ExpectationSuite(name="suite", expectations=list(expectations))
        return list(batch.validate(suite, result_format=_COUNTS_ONLY).results)
    finally:
        source.get_engine().dispose()
        source.get_execution_engine().engine.dispose()


def _outcomes(suite: Suite, results: Sequence[Any]) -> tuple[Outcome, ...]:
    by_number = {r.expectation_config.meta[_NUMBER]: r for r in results}
    # Great Expectations drops an expectation that it cannot use, and merely logs it
    if len(results) != len(suite.expected) or len(by_number) != len(results):
        raise UnreadableError(
            f"{suite.table} cannot be judged: {len(suite.expected)} expectations were asked and "
            f"{len(by_number)} answered; please report it"
        )
    return tuple(_outcome(e, by_number[e.number]) for e in suite.expected)


def _outcome(expected: Expected, result: Any) -> Outcome:
    evaluated = (result.exception_info or {}).get("raised_exception") is False
    return Outcome(expected, bool(result.success) if evaluated else None, result.result or {})


def listed(troubles: Iterable[str]) -> str:
    """What went wrong, each thing once."""
    return ", ".join(dict.fromkeys(troubles)) or "no reason was given"
