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
    """A table on one side: columns in the common order, and how many of them lead as the key."""

    name: RelationName
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name."""
        return sql.Identifier(self.name.schema, self.name.name)


def text_of(columns: Sequence[str]) -> sql.Composed:
    """An injective text of the columns `r.<name>`."""
    return sql.SQL(" || ").join([_piece(column) for column in columns])


def value_text(column: str) -> sql.Composed:
    """The column's value as its output function writes it; '' for NULL."""
    return sql.SQL("format('%s', r.{})").format(sql.Identifier(column))


def digest_of(text: sql.Composable) -> sql.Composed:
    """SHA-256 of a text's UTF-8 bytes, so that databases of other encodings agree."""
    return sql.SQL("sha256(convert_to({}, 'UTF8'))").format(text)


def hashed_rows(table: SideTable, where: sql.Composable) -> sql.Composed:
    """A query of (key digest `k`, row digest `h`); without a key the row is its own key."""
    row = digest_of(text_of(table.columns))
    key = digest_of(text_of(table.key)) if table.key else row
    return sql.SQL("select {} as k, {} as h from {} r where {}").format(
        key, row, table.identifier, where
    )


def folded(table: SideTable, where: sql.Composable) -> sql.Composed:
    """A query of (bucket, count, sum, sum): the two halves of the row digest, summed exactly."""
    return sql.SQL(
        "select (get_byte(k, 0) * 256 + get_byte(k, 1)) % {} as bucket, count(*), sum({}), sum({})"
        " from ({}) q group by 1 order by 1"
    ).format(sql.Literal(BUCKETS), _number("h", 1), _number("h", 9), hashed_rows(table, where))


def in_buckets(table: SideTable, where: sql.Composable, buckets: Sequence[int]) -> sql.Composed:
    """A query of (key digest, row digest, how many), ordered by bytes, of some buckets."""
    return sql.SQL(
        "select k, h, count(*) from ({}) q"
        " where (get_byte(k, 0) * 256 + get_byte(k, 1)) % {} = any ({})"
        " group by k, h order by k, h"
    ).format(hashed_rows(table, where), sql.Literal(BUCKETS), sql.Literal(list(buckets)))


def _piece(column: str) -> sql.Composed:
    value = value_text(column)
    return sql.SQL(
        "case when r.{column} is not distinct from null then 'n;'"
        " else char_length({value}) || ':' || {value} || ';' end"
    ).format(column=sql.Identifier(column), value=value)


def _number(column: str, first: int) -> sql.Composed:
    part = sql.SQL("('x' || encode(substring({} from {} for 8), 'hex'))::bit(64)::bigint")
    return part.format(sql.Identifier(column), sql.Literal(first))
