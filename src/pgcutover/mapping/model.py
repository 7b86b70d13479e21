"""The results of the mapping rules: mapped tables, and the data that the rules leave out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class RelationName:
    """A schema-qualified relation."""

    schema: str
    name: str

    def __str__(self) -> str:
        """`schema.name`, as reports show it; not quoted, so never for SQL."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, repr=False)
class MappedTable:
    """A table of the source, its name on the target, and (source, target) column names.

    `partitions` are those that the rules select by name in place of their partitioned table.
    """

    source: RelationName
    target: RelationName
    columns: tuple[tuple[str, str], ...]
    removed_columns: tuple[str, ...] = ()
    partitions: tuple[RelationName, ...] = ()

    def __str__(self) -> str:
        """The table's name on the target, which is its identity in reports."""
        return str(self.target)

    __repr__ = __str__

    def target_column(self, source_column: str) -> str:
        """Return the target's name of a source column; KeyError where the rules remove it."""
        return dict(self.columns)[source_column]

    def invert(self) -> "MappedTable":
        """Return the mapping from the target to the source."""
        columns = tuple((theirs, mine) for mine, theirs in self.columns)
        return MappedTable(self.target, self.source, columns)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A table of the source, or one of its columns, that the rules do not move."""

    table: str
    column: str | None
    reason: str
