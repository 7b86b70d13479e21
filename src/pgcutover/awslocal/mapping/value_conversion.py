"""Value conversions that AWS documents for DMS; all other values are unchanged.

AWS DMS user guide: "Limitations on using a PostgreSQL database as a DMS source" (numeric without
precision), "Using DMS to migrate data from PostgreSQL to PostgreSQL" (±infinity), "Working with
LOB source data types for PostgreSQL" (how a LOB's size is counted), TrimSpaceInChar.
"""

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal

from pgcutover.awslocal.mapping.catalog import SourceColumn

Converter = Callable[[str], str]
NUMERIC_SCALE = 6

_CLOBS = ("xml", "tsvector", "tsquery", "path", "polygon")
_NCLOBS = ("text", "json", "jsonb", "hstore", "citext")
_CLAMPS = {
    "date": ("9999-12-31", "4713-01-01 BC"),
    "timestamp": ("9999-12-31 23:59:59", "4713-01-01 00:00:00 BC"),
    "timestamptz": ("9999-12-31 23:59:59+00", "4713-01-01 00:00:00+00 BC"),
}
_MANY_DECIMALS = re.compile(rf"-?\d+\.\d{{{NUMERIC_SCALE + 1},}}")
_EXACT = Context(prec=131_072 + 16_383, rounding=ROUND_HALF_UP)


def is_lob(column: SourceColumn) -> bool:
    """Return whether DMS handles the type as a LOB."""
    return lob_cutter(column) is not None


def lob_cutter(column: SourceColumn) -> Callable[[str, int], str] | None:
    """Return the function that truncates a LOB of this type; None for other types."""
    if column.base == "bytea":
        return cut_bytea
    if column.base in _CLOBS:
        return cut_utf8
    unbounded = column.base == "varchar" and column.modifier == -1
    if column.base in _NCLOBS or column.is_array or column.type_kind == "c" or unbounded:
        return cut_utf16
    return None


def cut_bytea(text: str, size: int) -> str:
    """Truncate a bytea's hex form to a number of bytes."""
    return text[: 2 + 2 * size]


def cut_utf8(text: str, size: int) -> str:
    """Truncate a CLOB: each character counts as its UTF-8 bytes."""
    if len(text) * 4 <= size:
        return text
    return text.encode()[:size].decode(errors="ignore")


def cut_utf16(text: str, size: int) -> str:
    """Truncate an NCLOB: a character counts as two bytes, outside the BMP as four."""
    if len(text) * 4 <= size:
        return text
    return text.encode("utf-16-le")[: size - size % 2].decode("utf-16-le", "ignore")


def round_numeric(text: str) -> str:
    """Round a numeric without precision to NUMERIC(28,6); fewer decimals are unchanged."""
    if not _MANY_DECIMALS.fullmatch(text):
        return text
    step = Decimal(1).scaleb(-NUMERIC_SCALE)
    return f"{Decimal(text).quantize(step, context=_EXACT):f}"


def clamp(column: SourceColumn) -> Converter | None:
    """Replace ±infinity of dates and timestamps by the limits of DMS."""
    if column.base not in _CLAMPS:
        return None
    most, least = _CLAMPS[column.base]
    ends = {"infinity": most, "-infinity": least}
    return lambda text: ends.get(text, text)


def converter(
    column: SourceColumn, target_type: str, lob_kilobytes: int | None, trim_char: bool
) -> Converter | None:
    """Return the conversion of this column's values, or None."""
    if column.base == "numeric" and column.modifier == -1:
        return round_numeric
    if column.base == "bpchar" and trim_char and target_type != "bpchar":
        return lambda text: text.rstrip(" ")
    cut = lob_cutter(column)
    if cut and lob_kilobytes is not None:
        size, how = lob_kilobytes * 1024, cut
        return lambda text: how(text, size)
    return clamp(column)
