"""Relations, columns, indexes and foreign keys as read from one side; plain and frozen.

They hold only what the comparison of rows needs; `pgcutover.schema` compares schemas.
"""

from dataclasses import dataclass

from pgcutover.mapping import RelationName


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `readable` is the privilege of the role that read the catalog."""

    name: str
    type: str
    not_null: bool
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Relation:
    """A table that is not itself a partition; `kind` is 'r' or 'p'.

    `reachable` is usage of its schema; `filtered` says that row-level security hides rows.
    """

    name: RelationName
    kind: str
    columns: tuple[Column, ...]
    reachable: bool = True
    filtered: bool = False

    def column(self, name: str) -> Column | None:
        """Return the column of that name; None if there is none."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `columns` are its key's, None for an expression.

    `usable`: valid, ready and live; a partitioned index, on every partition.
    """

    name: RelationName
    table: RelationName
    method: str
    unique: bool
    primary: bool
    partial: bool
    usable: bool
    columns: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; `match` is the catalog's code.

    `operators` compare a row with the row it references: (schema, name) for each column.
    """

    name: str
    table: RelationName
    columns: tuple[str, ...]
    referenced: RelationName
    referenced_columns: tuple[str, ...]
    match: str
    operators: tuple[tuple[str, str], ...] = ()
