"""Columns that may differ a little: how values are binned for the hash, and when two are alike.

Rows are hashed with a tolerated value replaced by the bin it lies in, which is as wide as the
tolerance: the same bin means within tolerance. Values on both sides of a bin's edge hash apart, so
the few rows that differ are looked at again, value by value.
"""

from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from pgcutover.compare.hashing.encode import output_text, reference
from pgcutover.compare.plan.table_stats import BaseType
from pgcutover.errors import ConfigError

_FLOATS = ("float4", "float8")
_NUMBERS = ("int2", "int4", "int8", "numeric", *_FLOATS)
_TIMES = ("timestamp", "timestamptz")
_LEAST, _MOST = 1e-100, 1e100
_LEAST_RELATIVE = 1e-15  # what a float8 can tell apart


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a column's values may lie apart, and why; reports print it as not proven exactly.

    Numbers: `absolute`, or `relative` to the larger one, whichever is met. Times: `seconds`.
    """

    column: str
    reason: str
    absolute: float = 0.0
    relative: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        """The bounds in words."""
        bounds = {"absolute": self.absolute, "relative": self.relative, "seconds": self.seconds}
        return ", ".join(f"{name} {bound:g}" for name, bound in bounds.items() if bound)


def refuse_senseless(tolerance: Tolerance, where: str) -> None:
    """ConfigError where no bound is given, or one that cannot be meant."""
    absolute, relative, seconds = tolerance.absolute, tolerance.relative, tolerance.seconds
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
        raise ConfigError(
            f"{where}: tolerate {tolerance.column!r}: expected {expected}; found "
            f"{str(tolerance) or 'no bound'}"
        )


def binned(tolerance: Tolerance, own: BaseType, other: BaseType) -> sql.Composed:
    """The text of the bin in which the value of `r.<column>` lies; NULL for NULL.

    ConfigError where the types of both sides have no distance.
    """
    value = reference(tolerance.column)
    kinds = {own.builtin, other.builtin}
    if tolerance.seconds and len(kinds) == 1 and kinds <= {*_TIMES}:
        number = _time_bin(value, own.builtin, _microseconds(tolerance))
    elif not tolerance.seconds and kinds <= {*_NUMBERS}:
        number = _number_bin(value, tolerance, exact=not kinds & {*_FLOATS})
    else:
        raise ConfigError(
            f"tolerate {tolerance.column!r}: {tolerance} does not suit the types {own.name} on "
            f"the one and {other.name} on the other side"
        )
    return sql.SQL("case when {v} is not null then format('%s', {n}) end").format(v=value, n=number)


def measured(tolerance: Tolerance, own: BaseType) -> sql.Composed:
    """The text by which a value is measured: a number, or microseconds."""
    value = reference(tolerance.column)
    if tolerance.seconds:
        return sql.SQL("case when {v} is not null then {m}::text end").format(
            v=value, m=_since_2000(value, own.builtin)
        )
    return sql.SQL("case when {v} is not null then {t} end").format(
        v=value, t=output_text(value, own)
    )


def is_within(one: str | None, other: str | None, tolerance: Tolerance) -> bool:
    """Whether two measured values are alike; NULL, NaN and infinities are so only to themselves."""
    if one is None or other is None:
        return one is other
    a, b = Decimal(one), Decimal(other)
    if not (a.is_finite() and b.is_finite()):
        return one == other
    if tolerance.seconds:
        return abs(a - b) <= _microseconds(tolerance)
    allowed = max(
        Decimal(str(tolerance.absolute)), Decimal(str(tolerance.relative)) * max(abs(a), abs(b))
    )
    return abs(a - b) <= allowed


def _microseconds(tolerance: Tolerance) -> int:
    return max(1, round(tolerance.seconds * 1_000_000))


def _number_bin(value: sql.Composed, tolerance: Tolerance, *, exact: bool) -> sql.Composed:
    kind = "numeric" if exact else "float8"
    number = sql.SQL("{}::{}").format(value, sql.SQL(kind))
    if not tolerance.absolute:
        return _relative(number, tolerance.relative, kind)
    width = sql.SQL("{}::{}").format(sql.Literal(str(tolerance.absolute)), sql.SQL(kind))
    linear = sql.SQL("floor({} / {})").format(number, width)
    if exact:
        return linear
    # float8 refuses to overflow and to underflow; beyond so many bins a value is its own
    return sql.SQL(
        "case when {n} in ('NaN', 'Infinity', '-Infinity') or abs({n}) > {w} * 1e15 then {n}"
        " when abs({n}) < {w} * 1e-15 then 0 else {bin} end"
    ).format(n=number, w=width, bin=linear)


def _relative(number: sql.Composed, relative: float, kind: str) -> sql.Composed:
    """Bins that are as wide as the tolerance of the power of two, or ten, below the value."""
    below, power = "ln({a}) / ln(2::float8)", "power(2::float8, {e})"
    special = "{n} = 'NaN' or abs({n}) not between 1e-290 and 1e300"
    if kind == "numeric":  # whose power() rounds small results to 0
        below, power = "log({a})", "('1e' || {e})::numeric"
        special = "{n}::text in ('NaN', 'Infinity', '-Infinity') or {n} = 0"
    exponent = sql.SQL(f"floor({below})").format(a=sql.SQL("abs({})").format(number))
    return sql.SQL(
        f"case when {special} then {{n}}::text"
        f" else format('%s %s', {{e}}, floor({{n}} / ({{r}} * {power}))) end"
    ).format(
        n=number,
        e=exponent,
        r=sql.SQL("{}::{}").format(sql.Literal(str(relative)), sql.SQL(kind)),
    )


def _time_bin(value: sql.Composed, kind: str, width: int) -> sql.Composed:
    """Division that rounds down; infinity stays as it is."""
    stamp = _since_2000(value, kind)
    return sql.SQL(
        "case when isfinite({v}) then ({s} - ((({s} % {w}) + {w}) % {w})) / {w} else {s} end"
    ).format(v=value, s=stamp, w=sql.SQL("{}::int8").format(sql.Literal(width)))


def _since_2000(value: sql.Composed, kind: str) -> sql.Composed:
    """Microseconds since 2000, as PostgreSQL stores them; the extremes are the infinities."""
    return sql.SQL("('x' || encode({}({}), 'hex'))::bit(64)::int8").format(
        sql.Identifier("pg_catalog", f"{kind}_send"), value
    )
