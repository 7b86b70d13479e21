"""Errors of a task, and the part of an error that may be logged."""

import psycopg

from pgcutover.error_texts.database_errors import describe_error
from pgcutover.text.redact import without_passwords

# error classes whose messages contain names but never the values of a row
_SPEAKABLE = ("08", "0A", "25", "28", "3D", "3F", "42", "53", "54", "55", "57", "58")


class TaskFailed(Exception):
    """The task failed; the message becomes LastFailureMessage."""


class TableFailed(Exception):
    """A table failed and is suspended; the others continue."""


class Stopped(Exception):
    """The task was requested to stop."""


def loggable_text(error: Exception) -> str:
    """Return the part of an error that may be logged: no row values, no password."""
    if not isinstance(error, psycopg.Error):
        return str(error)
    if (error.sqlstate or "")[:2] in _SPEAKABLE:
        message = without_passwords(error.diag.message_primary or "")
        return f"{message} (SQLSTATE {error.sqlstate})"
    return describe_error(error)
