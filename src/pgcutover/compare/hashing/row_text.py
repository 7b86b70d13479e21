"""The SQL that turns columns into an injective text, for keys, and for rows where need be.

Each column is written through its type's output function (`format('%s', …)`; a cast to text could
be a user's own cast, and would cut bpchar's blanks), with its length before it, so that no two
rows share a text. NULL has a mark of its own. SHA-256 is the same on every version and build.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from pgcutover.mapping import RelationName

_NOTHING: Mapping[str, sql.Composed] = {}


@dataclass(frozen=True, slots=True)
class SideTable:
    """A table on one side: its columns in the common order, and those of them that are the key.

    Where `key_may_be_null`, rows without a whole key are known by all of their columns instead.
    `alone` leaves tables that inherit from it out; they are compared as tables of their own.
    `encoding` of the database, where it is known, makes lengths cheaper to take.
    """

    name: RelationName
    columns: tuple[str, ...]
    key: tuple[str, ...]
    alone: bool = False
    encoding: str = ""
    key_may_be_null: bool = False

    @property
    def relation(self) -> sql.Composed:
        """What stands after FROM."""
        name = sql.Identifier(self.name.schema, self.name.name)
        return sql.SQL("only {}" if self.alone else "{}").format(name)


def text_of(
    columns: Sequence[str], encoding: str = "", instead: Mapping[str, sql.Composed] = _NOTHING
) -> sql.Composed:
    """An injective text of the columns `r.<name>`, the same in every encoding of the database.

    `instead` holds the texts of columns that are not written as they are.
    """
    pieces = [_piece(column, encoding, instead.get(column)) for column in columns]
    return sql.SQL(" || ").join(pieces) if pieces else sql.SQL("''").format()


def value_text(column: str) -> sql.Composed:
    """The column's value as its output function writes it; '' for NULL."""
    return sql.SQL("format('%s', r.{})").format(sql.Identifier(column))


def digest_of(text: sql.Composable) -> sql.Composed:
    """SHA-256 of a text's UTF-8 bytes, so that databases of other encodings agree."""
    return sql.SQL("sha256(convert_to({}, 'UTF8'))").format(text)


def key_digest(table: SideTable) -> sql.Composed:
    """The digest by which rows of both sides find each other; the whole row where no key is."""
    by_key = digest_of(text_of(table.key or table.columns, table.encoding))
    if not table.key_may_be_null:
        return by_key
    return by_whole_key(table, by_key, digest_of(text_of(table.columns, table.encoding)))


def by_whole_key(table: SideTable, by_key: sql.Composed, by_row: sql.Composed) -> sql.Composed:
    """`by_key` for rows of which no part of the key is NULL, `by_row` for others."""
    parts = [sql.SQL("r.{} is null").format(sql.Identifier(c)) for c in table.key]
    return sql.SQL("case when {null} then {row} else {key} end").format(
        null=sql.SQL(" or ").join(parts), row=by_row, key=by_key
    )


def _piece(column: str, encoding: str, instead: sql.Composed | None) -> sql.Composed:
    value = instead or value_text(column)
    return sql.SQL(
        "case when r.{column} is not distinct from null then 'n;'"
        " else {length} || ':' || {value} || ';' end"
    ).format(column=sql.Identifier(column), value=value, length=_octets(value, encoding))


def _octets(value: sql.Composable, encoding: str) -> sql.Composed:
    """The value's length in UTF-8; characters would not do, SQL_ASCII counts bytes for them."""
    is_utf8 = encoding in ("UTF8", "SQL_ASCII")
    text = value if is_utf8 else sql.SQL("convert_to({}, 'UTF8')").format(value)
    return sql.SQL("octet_length({})").format(text)
