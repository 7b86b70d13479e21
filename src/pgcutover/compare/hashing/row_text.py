"""The SQL that turns columns into an injective text, for keys and, where necessary, for rows.

Each column is written by its type's output function (`format('%s', …)`; a cast to text could be a
user's own, and cuts bpchar's blanks), with its length before it, so that no two rows share a text.
NULL is written as `n;`. SHA-256 is the same in every version and build.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from pgcutover.mapping import RelationName

_NOTHING: Mapping[str, sql.Composed] = {}


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """A table on one side: its columns in the common order, and the key columns among them.

    Where `key_may_be_null`, rows with a NULL in the key are identified by all of their columns.
    `alone` excludes tables that inherit from this one; they are compared by themselves.
    `encoding` is the database's, where known; it makes lengths cheaper to compute.
    """

    name: RelationName
    columns: tuple[str, ...]
    key: tuple[str, ...]
    alone: bool = False
    encoding: str = ""
    key_may_be_null: bool = False

    @property
    def relation(self) -> sql.Composed:
        """Return the FROM item."""
        name = sql.Identifier(self.name.schema, self.name.name)
        return sql.SQL("only {}" if self.alone else "{}").format(name)


def text_of(
    columns: Sequence[str], encoding: str = "", instead: Mapping[str, sql.Composed] = _NOTHING
) -> sql.Composed:
    """Return an injective text of the columns `r.<name>`, the same in every database encoding.

    `instead` holds the texts that replace the values of some columns.
    """
    pieces = [_piece(column, encoding, instead.get(column)) for column in columns]
    return sql.SQL(" || ").join(pieces) if pieces else sql.SQL("''").format()


def value_text(column: str) -> sql.Composed:
    """Return the column's value as its output function writes it; '' for NULL."""
    return sql.SQL("format('%s', r.{})").format(sql.Identifier(column))


def digest_of(text: sql.Composable) -> sql.Composed:
    """Return the SHA-256 of a text's UTF-8 bytes, which all database encodings share."""
    return sql.SQL("sha256(convert_to({}, 'UTF8'))").format(text)


def key_digest(table: ComparedTable) -> sql.Composed:
    """Return the digest that identifies a row on both sides; of all columns without a key."""
    by_key = digest_of(text_of(table.key or table.columns, table.encoding))
    if not table.key_may_be_null:
        return by_key
    return by_whole_key(table, by_key, digest_of(text_of(table.columns, table.encoding)))


def by_whole_key(table: ComparedTable, by_key: sql.Composed, by_row: sql.Composed) -> sql.Composed:
    """Return `by_key` for rows whose key has no NULL, `by_row` for others."""
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
    """Return the value's length in UTF-8 bytes; SQL_ASCII counts bytes as characters."""
    is_utf8 = encoding in ("UTF8", "SQL_ASCII")
    text = value if is_utf8 else sql.SQL("convert_to({}, 'UTF8')").format(value)
    return sql.SQL("octet_length({})").format(text)
