"""Faults for demonstrations: each makes a rehearsal fail in a known check."""

import difflib
from pathlib import Path

import psycopg

from pgcutover.connect import open_owner
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ConfigError, ProvisionError, ServerError
from pgcutover.provision.execute import one_transaction, run_statement
from pgcutover.provision.sql_splitter import split_statements

_FOLDER = Path(__file__).parent / "sabotage"
_CHANGES_ROWS = ("insert", "update", "delete", "with")


def names() -> dict[str, str]:
    """Return each fault's name with its description."""
    return {path.stem: _description(path) for path in sorted(_FOLDER.glob("*.sql"))}


def check_name(name: str) -> str:
    """Return the name of an existing fault; ConfigError with the closest match otherwise."""
    known = names()
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    raise ConfigError(
        f"no sabotage is called {name!r}; did you mean {close[0]!r}? "
        '"--sabotage list" shows all of them'
    )


def apply(target_dsn: str, name: str) -> None:
    """Damage the target in one transaction; needs a superuser of an embedded server.

    A fault that changes nothing is an error: the gate would pass and seem blind.
    """
    path = _FOLDER / f"{check_name(name)}.sql"
    statements = split_statements(path.read_text(encoding="utf-8"), f"sabotage/{path.name}")
    try:
        conn = open_owner(target_dsn)
    except psycopg.OperationalError as error:
        raise ServerError(f"sabotage cannot connect: {describe_error(error)}") from error
    with conn, one_transaction(conn):
        for statement in statements:
            touched = run_statement(conn, statement, f"sabotage/{path.name}")
            if statement.words[0] in _CHANGES_ROWS and touched < 1:
                raise ProvisionError(f"sabotage {name} found no row that it could break")


def _description(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return lines.readline().removeprefix("-- ").strip()
