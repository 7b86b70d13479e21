"""A row's hash as a chain: each value is hashed with the hash of what came before it as its seed.

It costs less than a record, which PostgreSQL would put together and take apart again for each row,
and no column's place can be taken by another's. What a hash function cannot tell apart is given
another value first: NULL, and a float's two zeros, of which it returns the seed itself
(src/backend/access/hash/hashfunc.c). These marks are drawn anew in each run, with 64 random bits
or more, so that no value is one of them.
"""

import hashlib
import struct
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from psycopg import sql


class Link(Enum):
    """What kind of value is linked: an 8-byte integer, an 8-byte float, a text in "C", a uuid."""

    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    UUID = "uuid"


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands for values that would not be told apart; floats as PostgreSQL reads them."""

    integer: int
    text: str
    uuid: str
    null_float: str
    zero: str
    negative_zero: str


def marks_from(salt: str, table: str) -> Marks:
    """The marks of one table in one run."""
    drawn = hashlib.sha512(f"{salt}:{table}:marks".encode()).digest()
    return Marks(
        int.from_bytes(drawn[:8], "big", signed=True),
        drawn[8:24].hex(),
        str(UUID(bytes=drawn[24:40])),
        *(_float(drawn[n : n + 8]) for n in (40, 48, 56)),
    )


def linked(link: Link, value: sql.Composable, before: sql.Composable, marks: Marks) -> sql.Composed:
    """The hash of `value` seeded by the hash `before`; both sides give the same for the same."""
    match link:
        case Link.INTEGER:
            return sql.SQL("hashint4extended(1, {} # coalesce({}, ({})::bigint))").format(
                before, value, sql.Literal(str(marks.integer))
            )
        case Link.FLOAT:
            return sql.SQL("hashfloat8extended({}, {})").format(_told_apart(value, marks), before)
        case Link.TEXT:
            return sql.SQL('hashtextextended(coalesce({}, {}::text) collate "C", {})').format(
                value, sql.Literal(marks.text), before
            )
        case Link.UUID:
            return sql.SQL("uuid_hash_extended(coalesce({}, {}::uuid), {})").format(
                value, sql.Literal(marks.uuid), before
            )


def _told_apart(value: sql.Composable, marks: Marks) -> sql.Composed:
    null, zero, negative = (
        sql.SQL("{}::float8").format(sql.Literal(mark))
        for mark in (marks.null_float, marks.zero, marks.negative_zero)
    )
    return sql.SQL(
        "case when {v} <> 0 then {v} when {v} is null then {null}"
        " when get_bit(float8send({v}), 7) = 1 then {negative} else {zero} end"
    ).format(v=value, null=null, negative=negative, zero=zero)


def _float(drawn: bytes) -> str:
    """A normal double of 60 random bits, neither zero nor infinite nor NaN."""
    bits = int.from_bytes(drawn, "big")
    exponent = 768 + (bits >> 52) % 512
    (number,) = struct.unpack(">d", struct.pack(">Q", exponent << 52 | bits & (1 << 52) - 1))
    return repr(number)
