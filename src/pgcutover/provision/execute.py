"""Runs SQL scripts, each in one transaction; an error names file and line."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ProvisionError
from pgcutover.provision.sql_splitter import Statement, split_statements

Progress = Callable[[str], None]

_BATCH = 200
_TRANSACTION_CONTROL = ("begin", "commit", "end", "abort", "start", "prepare")
# messages of these classes quote row values: data exceptions, constraint violations
_QUOTING_CLASSES = ("22", "23")


@contextmanager
def one_transaction(conn: Connection) -> Iterator[None]:
    """Open a transaction; after it, reset the session's settings to their defaults."""
    if not conn.autocommit or conn.info.transaction_status is not TransactionStatus.IDLE:
        raise ValueError("provisioning needs an idle connection in autocommit mode")
    with conn.transaction():
        yield
    # settings of one script (pg_dump's empty search_path, a role) must not reach the next
    conn.execute("reset all")
    conn.execute("reset role")


def run_statements(conn: Connection, sql: str, name: str) -> int:
    """Run a script's statements one by one in the caller's transaction; return their number.

    ProvisionError names the script, the line, the SQLSTATE and what to do.
    """
    statements = split_statements(sql, name)
    for statement in statements:
        _refuse_what_breaks_the_transaction(statement, name)
    for statement in statements:
        run_statement(conn, statement, name)
    return len(statements)


def run_batches(
    conn: Connection, statements: Sequence[Statement], name: str, tolerated: Collection[str] = ()
) -> list[ProvisionError]:
    """Run many statements with few round trips, one transaction for each batch.

    Only for a database that is dropped after an error. A batch that fails is run again one by one,
    so that the error names the statement. Errors with a tolerated SQLSTATE are returned.
    """
    refused: list[ProvisionError] = []
    for start in range(0, len(statements), _BATCH):
        batch = statements[start : start + _BATCH]
        try:
            with conn.transaction():
                conn.execute(";\n".join(statement.text for statement in batch).encode())
        except psycopg.Error:
            refused += _run_one_by_one(conn, batch, name, tolerated)
    conn.execute("reset all")
    return refused


def _run_one_by_one(
    conn: Connection, statements: Sequence[Statement], name: str, tolerated: Collection[str]
) -> Iterator[ProvisionError]:
    for statement in statements:
        try:
            with conn.transaction():
                run_statement(conn, statement, name)
        except ProvisionError as error:
            cause = error.__cause__
            if not isinstance(cause, psycopg.Error) or cause.sqlstate not in tolerated:
                raise
            yield error


def run_statement(conn: Connection, statement: Statement, name: str) -> int:
    """Run one statement; return the number of rows that it changed."""
    try:
        return conn.execute(statement.text.encode()).rowcount
    except psycopg.Error as error:
        raise ProvisionError(_failure(error, statement, name)) from error


def _failure(error: psycopg.Error, statement: Statement, name: str) -> str:
    position = error.diag.statement_position
    where = f"{name} line {statement.line_of(int(position) if position else None)}"
    untouched = "the database is as it was before this script"
    if error.sqlstate == "25001":
        return (
            f"{where}: SQLSTATE 25001: {_kind(statement)} cannot run inside a transaction, and "
            "each script is one transaction; use the form that can (create index without "
            f"concurrently, analyze instead of vacuum) or run it by hand; {untouched}"
        )
    return f"{where}: SQLSTATE {error.sqlstate or 'none'}: {_message(error)}; {untouched}"


def _message(error: psycopg.Error) -> str:
    if error.sqlstate is None or error.sqlstate[:2] in _QUOTING_CLASSES:
        return describe_error(error)
    return error.diag.message_primary or describe_error(error)


def _kind(statement: Statement) -> str:
    return " ".join(statement.words)


def _refuse_what_breaks_the_transaction(statement: Statement, name: str) -> None:
    where = f"{name} line {statement.line}"
    if statement.text.startswith("\\"):
        raise ProvisionError(
            f"{where}: {statement.text.split()[0]!r} is a command of psql, not SQL; remove it; "
            "nothing of this script was run"
        )
    first = statement.words[:1]
    if first and (first[0] in _TRANSACTION_CONTROL or _rolls_all_back(statement)):
        raise ProvisionError(
            f"{where}: {_kind(statement)!r} would end the script's own transaction; remove it; "
            "nothing of this script was run"
        )


def _rolls_all_back(statement: Statement) -> bool:
    return statement.words[:1] == ("rollback",) and "to" not in statement.words[1:3]
