"""Tolerances: columns whose values may differ by a bound.

For the row hash, a value is replaced by the number of a bin as wide as the tolerance: two values in
one bin are within tolerance. Two close values may lie in neighbouring bins, so rows that differ are
compared again value by value.
"""

from decimal import Decimal

from psycopg import sql

from pgcutover.compare.hashing.encode import output_text, reference
from pgcutover.compare.plan.table_stats import BaseType
from pgcutover.config.tables import Tolerance
from pgcutover.errors import ConfigError

_FLOATS = ("float4", "float8")
_NUMBERS = ("int2", "int4", "int8", "numeric", *_FLOATS)
_TIMES = ("timestamp", "timestamptz")


def bin_text(tolerance: Tolerance, own: BaseType, other: BaseType) -> sql.Composed:
    """Return the text of the bin of `r.<column>`'s value; NULL for NULL.

    Raise ConfigError where the types of both sides have no distance.
    """
    value = reference(tolerance.column)
    kinds = {own.builtin, other.builtin}
    if tolerance.seconds and len(kinds) == 1 and kinds <= {*_TIMES}:
        number = _time_bin(value, own.builtin, _microseconds(tolerance))
    elif not tolerance.seconds and kinds <= {*_NUMBERS}:
        number = _number_bin(value, tolerance, exact=not kinds & {*_FLOATS})
    else:
        raise ConfigError(
            f"tolerate {tolerance.column!r}: {tolerance} cannot be applied to the types {own.name} "
            f"on one side and {other.name} on the other"
        )
    return sql.SQL("case when {v} is not null then format('%s', {n}) end").format(v=value, n=number)


def measure_text(tolerance: Tolerance, own: BaseType) -> sql.Composed:
    """Return the text by which two values are compared: a number, or microseconds."""
    value = reference(tolerance.column)
    if tolerance.seconds:
        return sql.SQL("case when {v} is not null then {m}::text end").format(
            v=value, m=_since_2000(value, own.builtin)
        )
    return sql.SQL("case when {v} is not null then {t} end").format(
        v=value, t=output_text(value, own)
    )


def is_within(one: str | None, other: str | None, tolerance: Tolerance) -> bool:
    """Return whether both are within tolerance; NULL, NaN and infinities equal only themselves."""
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
    """Return bins as wide as the tolerance of the power of two, or ten, below the value."""
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
    """Return the quotient, rounded down; an infinity is left as it is."""
    stamp = _since_2000(value, kind)
    return sql.SQL(
        "case when isfinite({v}) then ({s} - ((({s} % {w}) + {w}) % {w})) / {w} else {s} end"
    ).format(v=value, s=stamp, w=sql.SQL("{}::int8").format(sql.Literal(width)))


def _since_2000(value: sql.Composed, kind: str) -> sql.Composed:
    """Return microseconds since 2000, as PostgreSQL stores them; infinities are the extremes."""
    return sql.SQL("('x' || encode({}({}), 'hex'))::bit(64)::int8").format(
        sql.Identifier("pg_catalog", f"{kind}_send"), value
    )
