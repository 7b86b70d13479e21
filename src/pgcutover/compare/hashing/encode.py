"""How a column's value enters the hash of its row: equal input if and only if equal representation.

PostgreSQL's hash functions follow `=`, which is coarser, and some are blind beyond that: numeric
hashes neither its sign nor NaN apart from NULL, an 8-byte integer is folded to 4 bytes, -0 is 0
(src/backend/utils/adt/numeric.c and access/hash/hashfunc.c). So each type is given in a form in
which nothing is lost: as it is where its hash covers all of it, as an integer of 8 bytes, as the
bytes of its binary form, or as the text that its own output function writes.
"""

from collections.abc import Collection
from dataclasses import dataclass

from psycopg import sql

from pgcutover.compare.hashing.hash_chain import Link
from pgcutover.compare.plan.table_stats import BaseType

_AS_IS = ("date", "oid", "char", "bytea", "inet", "cidr", "macaddr", "macaddr8")
_TEXTS = ("text", "varchar")
_FLOATS = ("float4", "float8")
_INTEGERS = ("bool", "int2", "int4", "int8")
_BYTES = {
    "timestamp": "timestamp_send",
    "timestamptz": "timestamptz_send",
    "time": "time_send",
    "timetz": "timetz_send",
    "interval": "interval_send",
    "money": "cash_send",
    "numeric": "numeric_send",
    "pg_lsn": "pg_lsn_send",
}
HASHED, BYTES, TEXT = "hash", "bytes", "text"


@dataclass(frozen=True, slots=True)
class Encoding:
    """A column as one expression, what to call that, and how it is linked into the row's hash.

    Without a link it is an entry of the record with which the chain begins.
    """

    expression: sql.Composed
    method: str
    link: Link | None = None


def encoded(
    column: str, own: BaseType, other: BaseType, agreed: Collection[str], *, convert: bool
) -> Encoding:
    """The column `r.<column>` of a side whose type is `own`, beside `other` on the other side.

    `convert` says that the databases' encodings differ, so that text is compared as UTF-8.
    """
    value = reference(column)
    kind = _common(own, other)
    if kind not in agreed:
        is_plain = not convert and "text" in agreed
        text = _comparable(output_text(value, own), convert=not is_plain)
        return Encoding(text, TEXT, Link.TEXT if is_plain else None)
    if kind == "text":
        return Encoding(_comparable(value, convert=convert), HASHED, None if convert else Link.TEXT)
    if kind in _FLOATS:
        return Encoding(_double(value, kind), HASHED, Link.FLOAT)
    if kind in _INTEGERS:
        return Encoding(_integer(value, kind), HASHED, Link.INTEGER)
    if kind == "uuid":
        return Encoding(value, HASHED, Link.UUID)
    if kind in _BYTES:
        return Encoding(_called("pg_catalog", _BYTES[kind], value), BYTES)
    return Encoding(value, HASHED)


def reference(column: str) -> sql.Composed:
    """The column of the table that queries call `r`."""
    return sql.SQL("r.{}").format(sql.Identifier(column))


def output_text(value: sql.Composable, own: BaseType) -> sql.Composed:
    """What the type's own output function writes; a cast could be a user's, and cuts bpchar.

    A type that borrows another's, as refcursor does, has none that could be called with its values.
    """
    if not own.output[1]:
        return _called("pg_catalog", "format", sql.Literal("%s"), value)
    return _called("pg_catalog", "textin", _called(*own.output, value))


def as_bytes(text: sql.Composable) -> sql.Composed:
    """A text in which equal means equal bytes, whatever the database's collation."""
    return _comparable(text, convert=False)


def _common(own: BaseType, other: BaseType) -> str:
    """The one kind of both types; '' where only their text can be compared."""
    one, two = own.builtin, other.builtin
    if one in _TEXTS and two in _TEXTS:
        return "text"
    return one if one == two else ""


def _comparable(text: sql.Composable, *, convert: bool) -> sql.Composed:
    """Bytes, or text under the collation in which equal means equal bytes."""
    if convert:
        return _called("pg_catalog", "convert_to", text, sql.Literal("UTF8"))
    return sql.SQL('{} collate "C"').format(text)


def _double(value: sql.Composed, kind: str) -> sql.Composed:
    return value if kind == "float8" else _called("pg_catalog", "float8", value)


def _integer(value: sql.Composed, kind: str) -> sql.Composed:
    if kind == "bool":
        value = _called("pg_catalog", "int4", value)
    return value if kind == "int8" else _called("pg_catalog", "int8", value)


def _called(schema: str, name: str, *arguments: sql.Composable) -> sql.Composed:
    listed = sql.SQL(", ").join(arguments)
    return sql.SQL("{}({})").format(sql.Identifier(schema, name), listed)
