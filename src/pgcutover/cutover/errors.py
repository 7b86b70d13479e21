"""The errors of a cutover."""

from pgcutover.errors import PgCutoverError


class RefusedError(PgCutoverError):
    """The cutover may not begin or go on; nothing was changed by the refused step."""


class StepError(PgCutoverError):
    """A step failed, or its effect could not be proven; what was done is taken back."""


class BudgetError(StepError):
    """The freeze lasted longer than its budget."""


class ChangedError(StepError):
    """A pointer names neither side: somebody else changed it."""
