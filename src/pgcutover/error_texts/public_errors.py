"""Errors as they may be shown: no row value, no DSN, no traceback."""

from pathlib import Path

import psycopg

from pgcutover.error_texts.database_errors import unreadable
from pgcutover.errors import PgCutoverError, UnreadableError


def public_error(error: Exception) -> Exception:
    """Return the error if it is one of ours, else one that says no more than may be public."""
    if isinstance(error, AssertionError | PgCutoverError):
        return error
    if isinstance(error, psycopg.Error):
        return unreadable("", "", error)
    if isinstance(error, OSError):
        return UnreadableError(f"{error.strerror or type(error).__name__}: {error.filename}")
    return UnreadableError(
        f"unexpected {type(error).__name__} at {_find_place(error)}; please report it"
    )


def _find_place(error: BaseException) -> str:
    traceback = error.__traceback__
    place = "an unknown place"
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "pgcutover" in traceback.tb_frame.f_globals.get("__name__", ""):
            place = f"{Path(code.co_filename).name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
