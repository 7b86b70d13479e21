"""A row's hash as a chain: the hash of each value is the seed of the next.

A chain costs less than a record, which PostgreSQL builds and takes apart for each row, and it
depends on the order of the columns. Values that a hash function cannot distinguish are replaced
first: NULL, and a float's two zeros, for which it returns the seed itself
(src/backend/access/hash/hashfunc.c). Each run draws the replacements from 64 random bits or more,
so no stored value equals one of them.
"""

import hashlib
import struct
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from psycopg import sql


class ChainHash(Enum):
    """The seeded hash function for a value: an 8-byte integer or float, a text in "C", a uuid."""

    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    UUID = "uuid"


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Replacements for values that a hash cannot distinguish; floats as PostgreSQL reads them."""

    integer: int
    text: str
    uuid: str
    null_float: str
    zero: str
    negative_zero: str


def sentinels_from(salt: str, table: str) -> Sentinels:
    """Return the sentinels of one table in one run."""
    drawn = hashlib.sha512(f"{salt}:{table}:marks".encode()).digest()
    return Sentinels(
        int.from_bytes(drawn[:8], "big", signed=True),
        drawn[8:24].hex(),
        str(UUID(bytes=drawn[24:40])),
        *(_float(drawn[n : n + 8]) for n in (40, 48, 56)),
    )


def chain_hash(
    link: ChainHash, value: sql.Composable, before: sql.Composable, sentinels: Sentinels
) -> sql.Composed:
    """Return the hash of `value`, seeded by the hash `before`."""
    match link:
        case ChainHash.INTEGER:
            return sql.SQL("hashint4extended(1, {} # coalesce({}, ({})::bigint))").format(
                before, value, sql.Literal(str(sentinels.integer))
            )
        case ChainHash.FLOAT:
            return sql.SQL("hashfloat8extended({}, {})").format(
                _distinguish(value, sentinels), before
            )
        case ChainHash.TEXT:
            return sql.SQL('hashtextextended(coalesce({}, {}::text) collate "C", {})').format(
                value, sql.Literal(sentinels.text), before
            )
        case ChainHash.UUID:
            return sql.SQL("uuid_hash_extended(coalesce({}, {}::uuid), {})").format(
                value, sql.Literal(sentinels.uuid), before
            )


def _distinguish(value: sql.Composable, sentinels: Sentinels) -> sql.Composed:
    null, zero, negative = (
        sql.SQL("{}::float8").format(sql.Literal(mark))
        for mark in (sentinels.null_float, sentinels.zero, sentinels.negative_zero)
    )
    return sql.SQL(
        "case when {v} <> 0 then {v} when {v} is null then {null}"
        " when get_bit(float8send({v}), 7) = 1 then {negative} else {zero} end"
    ).format(v=value, null=null, negative=negative, zero=zero)


def _float(drawn: bytes) -> str:
    """Return a normal double of 60 random bits, neither zero nor infinite nor NaN."""
    bits = int.from_bytes(drawn, "big")
    exponent = 768 + (bits >> 52) % 512
    (number,) = struct.unpack(">d", struct.pack(">Q", exponent << 52 | bits & (1 << 52) - 1))
    return repr(number)
