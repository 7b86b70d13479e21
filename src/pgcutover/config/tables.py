"""The sections `[tables."schema.table"]`: settings of one table."""

from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION

_LEAST, _MOST = 1e-100, 1e100
_LEAST_RELATIVE = 1e-15  # a float8 has no more digits


@dataclass(frozen=True, slots=True, config=SECTION)
class Exclusion:
    """A column that is not compared; reports list it as not proven."""

    column: str
    """Name of the column on the target."""
    reason: str
    """Reason for not comparing it."""


@dataclass(frozen=True, slots=True, config=SECTION)
class Tolerance:
    """A column whose values may differ a little; reports list it as not proven exactly."""

    column: str
    """Name of the column on the target."""
    reason: str
    """Reason why its values may differ."""
    absolute: float = 0.0
    """For numbers: largest difference. With `relative` too, either bound suffices."""
    relative: float = 0.0
    """For numbers: largest difference as a share of the larger value."""
    seconds: float = 0.0
    """For times: largest difference in seconds."""

    def __post_init__(self) -> None:
        """Refuse a tolerance without a bound, or with a meaningless one."""
        absolute, relative, seconds = self.absolute, self.relative, self.seconds
        expected = ""
        if bool(absolute or relative) == bool(seconds):
            expected = "absolute or relative for numbers, or seconds for times"
        elif absolute and not _LEAST <= absolute <= _MOST:
            expected = "an absolute tolerance from 1e-100 to 1e100"
        elif relative and not _LEAST_RELATIVE <= relative < 1:
            expected = "a relative tolerance from 1e-15 to less than 1"
        elif seconds and not 1e-6 <= seconds <= 86_400:
            expected = "seconds from 1e-6, as PostgreSQL keeps them, to 86400"
        if expected:
            raise ValueError(expected)

    def __str__(self) -> str:
        """The bounds in words."""
        bounds = {"absolute": self.absolute, "relative": self.relative, "seconds": self.seconds}
        return ", ".join(f"{name} {bound:g}" for name, bound in bounds.items() if bound)


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class TableSettings:
    """Settings of one table, named as on the target."""

    recent_column: str = ""
    """Column by which the most recent rows are found."""
    key: tuple[str, ...] = ()
    """Columns that identify a row, where the table has no primary key."""
    exclude: tuple[Exclusion, ...] = ()
    tolerate: tuple[Tolerance, ...] = ()
