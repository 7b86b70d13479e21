"""What is read of each side: relations, columns, indexes, foreign keys. All plain and frozen."""

from dataclasses import dataclass

from pgcutover.mapping import RelationName


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalog describes it; `generated` and `identity` are the catalog's codes.

    `default` holds the generating expression alone: other defaults are no matter of the rows.
    `readable` is the privilege of the role that took the manifest.
    """

    name: str
    type: str
    not_null: bool
    default: str | None
    generated: str
    identity: str
    collation: str | None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Relation:
    """A table that is not itself a partition; `kind` is 'r' or 'p'.

    `reachable` is usage of its schema; `filtered` says that row-level security hides rows.
    """

    name: RelationName
    kind: str
    persistence: str
    columns: tuple[Column, ...]
    reachable: bool = True
    filtered: bool = False
    inherits: tuple[RelationName, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name, if there is one."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One column or expression of an index; `plain` holds the column's name, if it is one."""

    text: str
    plain: str | None
    opclass: str
    collation: str | None
    options: int


@dataclass(frozen=True, slots=True)
class Index:
    """An index with everything that makes it that index; `definition` is pg_get_indexdef's.

    `usable` is valid, ready and live; of a partitioned index, on every partition.
    """

    name: RelationName
    table: RelationName
    method: str
    unique: bool
    primary: bool
    constraint: str
    deferrable: bool
    deferred: bool
    nulls_not_distinct: bool
    usable: bool
    parts: tuple[IndexPart, ...]
    included: tuple[str, ...]
    predicate: str | None
    definition: str


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; `enforced` means that none of its triggers is switched off.

    `operators` compare a row with the one it points at: (schema, name) for each column.
    """

    name: str
    table: RelationName
    columns: tuple[str, ...]
    referenced: RelationName
    referenced_columns: tuple[str, ...]
    on_update: str
    on_delete: str
    match: str
    deferrable: bool
    deferred: bool
    validated: bool
    enforced: bool
    definition: str
    on_delete_columns: tuple[str, ...] = ()
    operators: tuple[tuple[str, str], ...] = ()
