"""Words every error of PostgreSQL: object, cause and remedy, and never a value of a row."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgcutover.errors import UnreadableError
from pgcutover.text.redact import without_passwords
from pgcutover.text.words import count_noun

# operations that the server does not support: what is not supported is the message
_UNSUPPORTED = "0A000"
# what PostgreSQL quotes, in the languages of its messages
_QUOTED = re.compile(
    "[\"'\u00ab\u201e\u201c\u201d\u300c].*[\"'\u00bb\u201c\u201d\u300d]", re.DOTALL
)
_FUNCTION = re.compile(r'^(?:PL/pgSQL|SQL) function "?([^"\n]+?)"? (?:line|statement) \d+', re.M)
_BLOCK = "inline_code_block"
_SHOWN = 3
_BY_ERROR = {
    psycopg.errors.InsufficientPrivilege: (
        "run: grant select on {table} to {role}, and grant usage on its schema; give it bypassrls "
        "where row-level security applies"
    ),
    psycopg.errors.QueryCanceled: (
        "it was cancelled, by statement_timeout_seconds or by hand; raise the limit in [budgets] "
        "or run when the server is quieter"
    ),
    psycopg.errors.CharacterNotInRepertoire: (
        "it holds text that is not valid UTF-8; repair it, or exclude the column in migration.toml"
    ),
    psycopg.errors.UntranslatableCharacter: (
        "it holds text that is not valid UTF-8; repair it, or exclude the column in migration.toml"
    ),
    psycopg.errors.LockNotAvailable: "run again when no other session locks the table",
    psycopg.errors.ReadOnlySqlTransaction: (
        "a function that is called there writes; the gate reads only, so exclude what calls it"
    ),
    psycopg.errors.FeatureNotSupported: (
        "this server does not support what is needed; exclude the object, or use a server that "
        "supports it"
    ),
}
_BY_CLASS = {
    "08": "the connection was lost; check that the server runs, then run again",
    "22": "a function or a cast fails on a value; find it by running the query yourself",
    "23": "a constraint refuses the statement; find the row by running the query yourself",
    "40": "the server ended the transaction; run again",
    "42": "the catalog changed during the run, or the server lacks it; run again",
    "53": "the server lacks memory, disk space or connections; free some, then run again",
    "57": "the server ended the session; check that it runs, then run again",
    "58": "the server could not use a file; see its log",
    "P0": "the function raises an error; call it yourself to read its message",
    "XX": "the data may be damaged; see the server's log, and check the table with amcheck",
}
_OTHER = "the server's log has the message, which is not shown because it may hold values of rows"


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session that locks tables; `pid` is None for a prepared transaction."""

    pid: int | None
    application: str
    tables: tuple[str, ...]

    def __str__(self) -> str:
        """Return the tables, quoted for SQL, and the session that locks them."""
        more = len(self.tables) - _SHOWN
        names = ", ".join(self.tables[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        if self.pid is None:
            return f"{names}: locked by a prepared transaction"
        name = f"application {self.application!r}" if self.application else "an unnamed application"
        return f"{names}: locked by pid {self.pid} of {name}"

    @property
    def remedy(self) -> str:
        """Return what to do about the lock."""
        if self.pid is None:
            return "commit it or roll it back: select gid from pg_prepared_xacts"
        return f"wait for that session or end it: select pg_terminate_backend({self.pid})"


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """Side and role of the connection of an error, and the holders of the lock it waited for."""

    side: str = ""
    role: str = ""
    lock_timeout_seconds: float = 0.0
    holders: tuple[LockHolder, ...] = ()


_CONTEXT = "pgcutover_context"


def add_context(error: psycopg.Error, context: ErrorContext) -> None:
    """Keep on an error what only its connection knows."""
    setattr(error, _CONTEXT, context)


def context_of(error: BaseException) -> ErrorContext:
    """Return what the connection of an error added to it."""
    found = getattr(error, _CONTEXT, None)
    return found if isinstance(found, ErrorContext) else ErrorContext()


def describe_error(error: BaseException) -> str:
    """Return the cause: class in words, SQLSTATE, and table or function, never values.

    PostgreSQL quotes row values in DETAIL and in many primary messages
    (PostgreSQL 17, 53.8 "Error and Notice Message Fields"), so neither is used. The exception is
    an unsupported operation, whose message is used without anything quoted.
    """
    if isinstance(error, psycopg.Error) and error.sqlstate:
        diag = error.diag
        place = ".".join(p for p in (diag.schema_name, diag.table_name, diag.column_name) if p)
        words = _unsupported(error) or _class_in_words(error)
        details = f"SQLSTATE {error.sqlstate}{', ' + place if place else ''}"
        return f"{words} ({details}){_raised_in(error)}"
    if isinstance(error, psycopg.OperationalError):
        return without_passwords(str(error)).strip() or _class_in_words(error)
    return _class_in_words(error)


def suggest_remedy(error: psycopg.Error, table: str = "") -> str:
    """Return what to do about an error, by its SQLSTATE; the table's name is quoted for SQL."""
    if error.sqlstate == _UNSUPPORTED and _raised_in(error):
        return _BY_CLASS["P0"]
    for kind, remedy in _BY_ERROR.items():
        if isinstance(error, kind):
            role = context_of(error).role or "the gate's role"
            return remedy.format(table=table or "the table", role=role)
    return _BY_CLASS.get((error.sqlstate or "08")[:2], _OTHER)


def explain_error(error: psycopg.Error, table: str = "") -> str:
    """Return cause and remedy of an error; of a lock, who holds it."""
    context = context_of(error)
    if context.holders:
        return describe_locks(context.side, context.holders, context.lock_timeout_seconds)
    return f"{describe_error(error)}; {suggest_remedy(error, table)}"


def describe_locks(side: str, holders: Sequence[LockHolder], seconds: float) -> str:
    """Return which tables of a side are locked, by whom, and what to do."""
    shown = holders[:_SHOWN]
    held = "; ".join(map(str, shown))
    if hidden := len(holders) - len(shown):
        held += f"; and {count_noun(hidden, 'more session')}"
    limit = f"lock not granted within {seconds:g} s"
    where = f"{side}: " if side else ""
    return f"{where}{held}: {limit}; {'; '.join(h.remedy for h in shown)}"


def unreadable(side: str, what: str, error: psycopg.Error, table: str = "") -> UnreadableError:
    """Return the error to raise for an object that cannot be read: object, cause and remedy.

    `table` is the name, quoted for SQL, on which a privilege may be missing.

    A lock is worded by its tables alone, so that all results that wait for it say the same.
    """
    context = context_of(error)
    side = side or context.side or "database"
    if context.holders:
        locks = describe_locks(side, context.holders, context.lock_timeout_seconds)
        return UnreadableError(locks)
    place = f"the {side} could not be read"
    return UnreadableError(f"{what + ': ' if what else ''}{place}: {explain_error(error, table)}")


@contextmanager
def unreadable_on_error(side: str, what: str, table: str = "") -> Iterator[None]:
    """Raise UnreadableError for a database error, with the object, the cause and a remedy."""
    try:
        yield
    except psycopg.Error as error:
        raise unreadable(side, what, error, table) from error


def quote_name(*parts: str) -> str:
    """Return a dotted name, quoted for SQL."""
    return sql.Identifier(*parts).as_string(None)


def _class_in_words(error: BaseException) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()


def _raised_in(error: psycopg.Error) -> str:
    """Return the function that raised an error; '' where none did, or a cast's context."""
    context = error.diag.context
    if not context:
        return ""
    found = _FUNCTION.search(context)
    if found is None:
        return " raised in a function" if error.sqlstate == _UNSUPPORTED else ""
    is_block = found[1].startswith(_BLOCK)
    return " raised in a DO block" if is_block else f" raised in function {found[1]}"


def _unsupported(error: psycopg.Error) -> str:
    """Return what the server does not support; '' where the message may hold a value.

    An error with a context was raised in a function, and its words are that function's.
    """
    diag = error.diag
    if error.sqlstate != _UNSUPPORTED or diag.context or not diag.message_primary:
        return ""
    return _QUOTED.sub("...", diag.message_primary)
