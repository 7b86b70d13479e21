"""Interface to Great Expectations: imported when used, silenced, and given no row values.

Its types are incomplete, so its objects are `Any` and stay in this module.
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

from pgcutover.connect import Connection
from pgcutover.errors import ConfigError, PgCutoverError, UnreadableError
from pgcutover.gx.reading import Connect, guarded_cursor
from pgcutover.gx.suite import Expected, Suite

# our own sessions are used, so this names no server; the URL's validation requires a user
_NOWHERE = "postgresql+psycopg://pgcutover@target.invalid/none"
# return counts, not the counted values
_COUNTS_ONLY = {
    "result_format": "BASIC",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
}
_NUMBER = "pgcutover_expectation"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one expectation; `met` is None if it could not be evaluated."""

    expected: Expected
    met: bool | None
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of each expectation, in the order of the suite, and the errors."""

    outcomes: tuple[Outcome, ...]
    troubles: tuple[str, ...]


def evaluate(suite: Suite, query: str, connect: Connect) -> Evaluation:
    """Run a suite on the rows of `query`.

    Raise ConfigError if Great Expectations does not accept an expectation, and UnreadableError
    if it does not finish.
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
    # raised outside the except clause: the caught error may quote a row and must not be chained
    if results is None:
        raise UnreadableError(f"{suite.table} cannot be judged: {listed(troubles)}")
    return Evaluation(_outcomes(suite, results), tuple(troubles))


@contextmanager
def silence() -> Iterator[None]:
    """Suppress output, logs and warnings: Great Expectations logs row values."""
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
    os.environ["GX_ANALYTICS_ENABLED"] = "False"  # versions that report usage read this at import
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
    except Exception as error:  # the error is about the suite: no row was read yet
        raise ConfigError(
            f"{table}.json: expectation {expected.number} ({expected.type}) is not as Great "
            f"Expectations takes it: {' '.join(str(error).split())}"
        ) from error


class _Sessions:
    """The sessions that Great Expectations uses; all are closed when it has finished."""

    def __init__(self, connect: Connect, query: str, troubles: list[str]) -> None:
        self._connect, self._opened, self._troubles = connect, list[Connection](), troubles
        self._cursor = guarded_cursor(query, troubles)

    def open(self) -> Connection:
        """Open a session with the cursor that returns no rows."""
        try:
            connection = self._connect()
        except PgCutoverError as error:  # Great Expectations would keep only its own message
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
    # Great Expectations drops an expectation that it cannot use, and only logs it
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
    """Return each error once."""
    return ", ".join(dict.fromkeys(troubles)) or "no reason was given"
