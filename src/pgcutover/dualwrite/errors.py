"""The errors of dual-write that an application may handle."""

from pgcutover.errors import PgCutoverError


class NotCapturedError(PgCutoverError):
    """The outbox does not capture a table, so its rows would not reach the target."""


class NotAppliedError(PgCutoverError):
    """Committed writes are not on the target yet; they are not lost, and must not be repeated."""
