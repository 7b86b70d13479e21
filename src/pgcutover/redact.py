"""Keeps secrets and row values out of every text that is written."""

import re

import psycopg

# operations that the server does not support: what is not supported is the message
_UNSUPPORTED = "0A000"
_PASSWORD = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)|(://[^:/@\s]*):[^@\s]+@", re.I)
# what PostgreSQL quotes, in the languages of its messages
_QUOTED = re.compile(
    "[\"'\u00ab\u201e\u201c\u201d\u300c].*[\"'\u00bb\u201c\u201d\u300d]", re.DOTALL
)


def without_passwords(text: str) -> str:
    """Return the text with the passwords of conninfo strings and URLs blanked."""
    return _PASSWORD.sub(lambda m: f"{m[1]}***" if m[1] else f"{m[3]}:***@", text)


def describe_error(error: BaseException) -> str:
    """Return what a database error may say in public: class, SQLSTATE and object, never values.

    PostgreSQL quotes row values in DETAIL and in many primary messages
    (PostgreSQL 17, 53.8 "Error and Notice Message Fields"), so neither is used. The exception is
    an unsupported operation, whose message is used without anything quoted.
    """
    if isinstance(error, psycopg.Error) and error.sqlstate:
        diag = error.diag
        place = ".".join(p for p in (diag.schema_name, diag.table_name, diag.column_name) if p)
        words = _unsupported(error) or type(error).__name__
        return f"{words} (SQLSTATE {error.sqlstate}{', ' + place if place else ''})"
    if isinstance(error, psycopg.OperationalError):
        return f"{type(error).__name__}: {without_passwords(str(error)).strip()}"
    return type(error).__name__


def _unsupported(error: psycopg.Error) -> str:
    """Return what the server does not support; '' where the message may hold a value.

    An error with a context was raised in a function, and its words are that function's.
    """
    diag = error.diag
    if error.sqlstate != _UNSUPPORTED or diag.context or not diag.message_primary:
        return ""
    return _QUOTED.sub("...", diag.message_primary)
