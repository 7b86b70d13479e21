"""Captured tables and their keys, as the catalogs of both sides describe them."""

from dataclasses import dataclass

from psycopg import sql

from pgcutover.mapping import RelationName

SCHEMA = "pgcutover"
BUCKETS = 64
BARRIER = BUCKETS
"""The bucket of entries without a key: they concern a whole table, and so all buckets."""


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A column of a unique index: its type in SQL, and the equality operator of the index.

    `is_bitwise`: equal values have equal texts. `is_pinned`: the text depends on no setting.
    """

    name: str
    type: str
    operator: tuple[str, str]
    is_bitwise: bool
    is_pinned: bool
    is_text: bool

    def equals(self, left: sql.Composable, text: sql.Composable) -> sql.Composed:
        """Compare an expression with a text of this column's type, through the index."""
        schema, name = self.operator
        # the catalog's operator names need no quotes, and cannot have them
        operator = sql.SQL("operator({}.{})").format(sql.Identifier(schema), sql.SQL(name))
        return sql.SQL("{} {} {}::{}").format(left, operator, text, sql.SQL(self.type))


@dataclass(frozen=True, slots=True)
class UniqueIndex:
    """A unique index of whole columns that are not NULL; `immediate` if it is not deferrable."""

    name: str
    primary: bool
    immediate: bool
    columns: tuple[KeyColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of the source that triggers capture; `members` are itself and its partitions.

    `number` names it in the outbox.
    """

    number: int
    name: RelationName
    kind: str
    key: tuple[KeyColumn, ...]
    members: tuple[RelationName, ...]

    @property
    def identifier(self) -> sql.Composable:
        """The table with all of its partitions, and without tables that inherit from it."""
        name = sql.Identifier(self.name.schema, self.name.name)
        return name if self.kind == "p" else sql.SQL("only {}").format(name)

    @property
    def bucket(self) -> sql.Composed:
        """The bucket of a key, the array `k`, as SQL.

        Where two texts may be one key, all keys of the table share a bucket.
        """
        prefix: sql.Composable = sql.Literal(f"{self.number}")
        if all(column.is_bitwise for column in self.key):
            prefix = sql.SQL("{} || k::text").format(prefix)
        return sql.SQL("(pg_catalog.hashtext({}) & {})").format(prefix, sql.Literal(BUCKETS - 1))
