"""Keeping secrets and patient data out of every text we write."""

import re

import psycopg

_PASSWORD = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)|(://[^:/@\s]*):[^@\s]+@", re.I)


def without_passwords(text: str) -> str:
    """The text with the passwords of conninfo strings and URLs blanked."""
    return _PASSWORD.sub(lambda m: f"{m[1]}***" if m[1] else f"{m[3]}:***@", text)


def describe_error(error: BaseException) -> str:
    """What a database error may say in public: class, SQLSTATE and object, never values.

    PostgreSQL quotes row values in DETAIL and in many primary messages
    (PostgreSQL 17, 53.8 "Error and Notice Message Fields"), so neither is used.
    """
    if isinstance(error, psycopg.Error) and error.sqlstate:
        diag = error.diag
        place = ".".join(p for p in (diag.schema_name, diag.table_name, diag.column_name) if p)
        return f"{type(error).__name__} (SQLSTATE {error.sqlstate}{', ' + place if place else ''})"
    if isinstance(error, psycopg.OperationalError):
        return f"{type(error).__name__}: {without_passwords(str(error)).strip()}"
    return type(error).__name__
