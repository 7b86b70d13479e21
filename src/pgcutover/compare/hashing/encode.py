"""Column expressions for the row hash: equal input if and only if equal representation.

PostgreSQL's hash functions follow `=`, which is coarser, and some ignore even more: numeric's
ignores the sign and cannot tell NaN from NULL, an 8-byte integer is folded to 4 bytes, -0 is 0
(src/backend/utils/adt/numeric.c and access/hash/hashfunc.c). So each type is hashed in a form that
loses nothing: unchanged where its hash covers the whole value, as an 8-byte integer, as the bytes
of its binary form, or as the text that its output function writes.
"""

from collections.abc import Collection
from dataclasses import dataclass

from psycopg import sql

from pgcutover.compare.hashing.hash_chain import ChainHash
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
    """A column's expression, the name of its method, and its place in the row's hash chain.

    A column without a chain hash is an entry of the record that starts the chain.
    """

    expression: sql.Composed
    method: str
    link: ChainHash | None = None


def encode_column(
    column: str, own: BaseType, other: BaseType, agreed: Collection[str], *, convert: bool
) -> Encoding:
    """Return the encoding of `r.<column>`, of type `own` here and `other` on the other side.

    Set `convert` where the databases' encodings differ; text is then compared as UTF-8.
    """
    value = reference(column)
    kind = _common(own, other)
    if kind not in agreed:
        is_plain = not convert and "text" in agreed
        text = _bytewise(output_text(value, own), convert=not is_plain)
        return Encoding(text, TEXT, ChainHash.TEXT if is_plain else None)
    if kind == "text":
        return Encoding(
            _bytewise(value, convert=convert), HASHED, None if convert else ChainHash.TEXT
        )
    if kind in _FLOATS:
        return Encoding(_double(value, kind), HASHED, ChainHash.FLOAT)
    if kind in _INTEGERS:
        return Encoding(_integer(value, kind), HASHED, ChainHash.INTEGER)
    if kind == "uuid":
        return Encoding(value, HASHED, ChainHash.UUID)
    if kind in _BYTES:
        return Encoding(_call("pg_catalog", _BYTES[kind], value), BYTES)
    return Encoding(value, HASHED)


def reference(column: str) -> sql.Composed:
    """Return the column of the table that queries call `r`."""
    return sql.SQL("r.{}").format(sql.Identifier(column))


def output_text(value: sql.Composable, own: BaseType) -> sql.Composed:
    """Return the text that the type's output function writes.

    A cast to text could be a user's own, and cuts bpchar's blanks. A type that uses another type's
    output function, as refcursor does, has none that accepts its values; format() prints it.
    """
    if not own.output[1]:
        return _call("pg_catalog", "format", sql.Literal("%s"), value)
    return _call("pg_catalog", "textin", _call(*own.output, value))


def as_bytes(text: sql.Composable) -> sql.Composed:
    """Return a text in which equal means equal bytes, whatever the database's collation."""
    return _bytewise(text, convert=False)


def _common(own: BaseType, other: BaseType) -> str:
    """Return the kind of both types; '' where only their text can be compared."""
    one, two = own.builtin, other.builtin
    if one in _TEXTS and two in _TEXTS:
        return "text"
    return one if one == two else ""


def _bytewise(text: sql.Composable, *, convert: bool) -> sql.Composed:
    """Return UTF-8 bytes, or text under the collation in which equal means equal bytes."""
    if convert:
        return _call("pg_catalog", "convert_to", text, sql.Literal("UTF8"))
    return sql.SQL('{} collate "C"').format(text)


def _double(value: sql.Composed, kind: str) -> sql.Composed:
    return value if kind == "float8" else _call("pg_catalog", "float8", value)


def _integer(value: sql.Composed, kind: str) -> sql.Composed:
    if kind == "bool":
        value = _call("pg_catalog", "int4", value)
    return value if kind == "int8" else _call("pg_catalog", "int8", value)


def _call(schema: str, name: str, *arguments: sql.Composable) -> sql.Composed:
    listed = sql.SQL(", ").join(arguments)
    return sql.SQL("{}({})").format(sql.Identifier(schema, name), listed)
