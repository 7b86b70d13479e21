"""What can go wrong with a task, and how much of it may be said."""

import psycopg

from pgcutover.redact import describe_error, without_passwords

# classes whose messages name objects, settings and roles but never the values of a row
_SPEAKABLE = ("08", "0A", "25", "28", "3D", "3F", "42", "53", "54", "55", "57", "58")


class TaskFailed(Exception):
    """The task cannot go on; its text becomes LastFailureMessage."""


class TableFailed(Exception):
    """One table cannot go on and is suspended; the others do."""


class Stopped(Exception):
    """The task was asked to stop."""


def speakable(error: Exception) -> str:
    """What may be logged of an error: no values of rows, no password."""
    if not isinstance(error, psycopg.Error):
        return str(error)
    if (error.sqlstate or "")[:2] in _SPEAKABLE:
        message = without_passwords(error.diag.message_primary or "")
        return f"{message} (SQLSTATE {error.sqlstate})"
    return describe_error(error)
