"""The SQL that turns a row into an injective text, and that text into two 64-bit numbers.

Each column is written through its type's output function (`format('%s', …)`; a cast to text could
be a user's own cast, and would cut bpchar's blanks), with its length before it, so that no two
rows share a text. NULL has a mark of its own. SHA-256 is the same on every version and build.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from pgcutover.mapping import RelationName

BUCKETS = 4096


@dataclass(frozen=True, slots=True)
class SideTable:
    """A table on one side: its columns in the common order, and those of them that are the key.

    `alone` leaves tables that inherit from it out; they are compared as tables of their own.
    `encoding` of the database, where it is known, makes lengths cheaper to take.
    """

    name: RelationName
    columns: tuple[str, ...]
    key: tuple[str, ...]
    alone: bool = False
    encoding: str = ""

    @property
    def relation(self) -> sql.Composed:
        """What stands after FROM."""
        name = sql.Identifier(self.name.schema, self.name.name)
        return sql.SQL("only {}" if self.alone else "{}").format(name)


def text_of(columns: Sequence[str], encoding: str = "") -> sql.Composed:
    """An injective text of the columns `r.<name>`, the same in every encoding of the database."""
    return sql.SQL(" || ").join([_piece(column, encoding) for column in columns])


def value_text(column: str) -> sql.Composed:
    """The column's value as its output function writes it; '' for NULL."""
    return sql.SQL("format('%s', r.{})").format(sql.Identifier(column))


def digest_of(text: sql.Composable) -> sql.Composed:
    """SHA-256 of a text's UTF-8 bytes, so that databases of other encodings agree."""
    return sql.SQL("sha256(convert_to({}, 'UTF8'))").format(text)


def key_digest(table: SideTable) -> sql.Composed:
    """The digest by which rows of both sides find each other; the whole row where no key is."""
    return digest_of(text_of(table.key or table.columns, table.encoding))


def folded(table: SideTable, where: sql.Composable) -> sql.Composed:
    """A query of (bucket, count, sum, sum): the two halves of the row digest, summed exactly."""
    return sql.SQL(
        "select (get_byte(k, 0) * 256 + get_byte(k, 1)) % {} as bucket, count(*), sum({}), sum({})"
        " from ({}) q group by 1 order by 1"
    ).format(sql.Literal(BUCKETS), _number("h", 1), _number("h", 9), _hashed(table, where))


def in_buckets(
    table: SideTable, where: sql.Composable, buckets: Sequence[int], keys: Sequence[bytes] | None
) -> sql.Composed:
    """A query of (key digest, row digest, how many), ordered by bytes, of some buckets.

    `keys` restricts it further to those key digests.
    """
    return sql.SQL(
        "select k, h, count(*) from ({hashed}) q"
        " where (get_byte(k, 0) * 256 + get_byte(k, 1)) % {n} = any ({buckets}){only_keys}"
        " group by k, h order by k, h"
    ).format(
        hashed=_hashed(table, where),
        n=sql.Literal(BUCKETS),
        buckets=sql.Literal(list(buckets)),
        only_keys=among(sql.Identifier("k"), keys) if keys is not None else sql.SQL(""),
    )


def among(key: sql.Composable, keys: Sequence[bytes]) -> sql.Composed:
    """A condition that a key digest is one of `keys`, to follow another condition."""
    return sql.SQL(" and {} = any ({}::bytea[])").format(key, sql.Literal(list(keys)))


def _hashed(table: SideTable, where: sql.Composable) -> sql.Composed:
    """Both digests of each row; OFFSET 0 keeps the planner from computing them at every mention."""
    row = text_of(table.columns, table.encoding)
    return sql.SQL("select {} as k, {} as h from {} r where {} offset 0").format(
        key_digest(table), digest_of(row), table.relation, where
    )


def _piece(column: str, encoding: str) -> sql.Composed:
    value = value_text(column)
    return sql.SQL(
        "case when r.{column} is not distinct from null then 'n;'"
        " else {length} || ':' || {value} || ';' end"
    ).format(column=sql.Identifier(column), value=value, length=_octets(value, encoding))


def _octets(value: sql.Composable, encoding: str) -> sql.Composed:
    """The value's length in UTF-8; characters would not do, SQL_ASCII counts bytes for them."""
    is_utf8 = encoding in ("UTF8", "SQL_ASCII")
    text = value if is_utf8 else sql.SQL("convert_to({}, 'UTF8')").format(value)
    return sql.SQL("octet_length({})").format(text)


def _number(column: str, first: int) -> sql.Composed:
    part = sql.SQL("('x' || encode(substring({} from {} for 8), 'hex'))::bit(64)::bigint")
    return part.format(sql.Identifier(column), sql.Literal(first))
