"""Resolves a mapped table into the compared columns and the key of both sides."""

from collections.abc import Sequence
from dataclasses import dataclass

from pgcutover.catalog import Manifest
from pgcutover.catalog.model import Index, Relation
from pgcutover.catalog.read import SideCatalog
from pgcutover.compare.hashing.row_text import ComparedTable
from pgcutover.config.tables import Tolerance
from pgcutover.errors import ConfigError, UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.sides import Sides


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options of one table in migration.toml."""

    key: tuple[str, ...] = ()
    excluded_columns: tuple[str, ...] = ()
    tolerances: tuple[Tolerance, ...] = ()


def resolve_tables(
    manifest: Manifest, table: MappedTable, options: TableOptions
) -> Sides[ComparedTable]:
    """Return both sides in one column order; UnreadableError where the target lacks columns."""
    _refuse_unknown(table, "exclude", options.excluded_columns)
    _refuse_unknown(table, "key", options.key)
    left_out = {*options.excluded_columns, *dropped_columns(manifest, table)}
    pairs = [p for p in table.columns if p[1] not in left_out]
    _refuse_missing(manifest, table, [target for _, target in pairs])
    if not pairs and (table.columns or table.removed_columns):
        raise UnreadableError(f"{table}: it has no column to compare, so nothing can be proven")
    key = choose_key(manifest, table, options)
    may_be_null = _may_be_null(manifest, table, key)
    _refuse_inexact_key(table, options, key, may_be_null=may_be_null)

    def compared(name: RelationName, n: int, catalog: SideCatalog, encoding: str) -> ComparedTable:
        columns, keys = (tuple(p[n] for p in pairs), tuple(p[n] for p in pairs if p[1] in key))
        return ComparedTable(name, columns, keys, is_plain(catalog, name), encoding, may_be_null)

    return Sides(
        compared(table.source, 0, manifest.source_catalog, manifest.source.encoding),
        compared(table.target, 1, manifest.target_catalog, manifest.target.encoding),
    )


def dropped_columns(manifest: Manifest, table: MappedTable) -> tuple[str, ...]:
    """Return the target's names of columns that it need not have, by a script or a declaration."""
    dropped = manifest.expected.dropped_columns if manifest.expected else ()
    return tuple(name for _, name in table.columns if f"{table}.{name}" in dropped)


def is_plain(catalog: SideCatalog, name: RelationName) -> bool:
    """Return whether ONLY the table contains all of its rows: it is not partitioned."""
    relation = catalog.relation(name)
    return relation is not None and relation.kind == "r"


def choose_key(manifest: Manifest, table: MappedTable, options: TableOptions) -> tuple[str, ...]:
    """Return the key's columns by the target's names; () where no unique index identifies rows."""
    if options.key:
        return options.key
    candidates = manifest.source_catalog.indexes_of(table.source)
    relation = manifest.source_catalog.relation(table.source)
    identifying = [
        (not all(columns.values()), not index.primary, len(index.columns), str(index.name), columns)
        for index in candidates
        if relation is not None and (columns := _identifying(relation, table, index))
    ]
    *_, best = min(identifying, default=({},))
    return tuple(table.target_column(c) for c in best)


def _may_be_null(manifest: Manifest, table: MappedTable, key: Sequence[str]) -> bool:
    """Return whether a key column may be NULL on either side."""
    source = manifest.source_catalog.relation(table.source)
    target = manifest.target_catalog.relation(table.target)
    ours = [source.column(s) for s, t in table.columns if t in key] if source else []
    theirs = [target.column(name) for name in key] if target else []
    return not all(c is not None and c.not_null for c in (*ours, *theirs))


def _refuse_inexact_key(
    table: MappedTable, options: TableOptions, key: Sequence[str], *, may_be_null: bool
) -> None:
    """ConfigError where tolerances need an exact key of NOT NULL columns that does not exist."""
    tolerated = [t.column for t in options.tolerances]
    _refuse_unknown(table, "tolerate", tolerated)
    if twice := sorted({c for c in tolerated if tolerated.count(c) > 1}):
        raise ConfigError(f"tables.{str(table)!r}: tolerate names {', '.join(twice)} twice")
    if tolerated and (may_be_null or not key):
        found = f"{', '.join(key)}, which may be NULL" if key else "none"
        raise ConfigError(
            f"tables.{str(table)!r}: tolerate needs a key by which every row is found; expected a "
            f"unique index over columns that are NOT NULL, or such columns in key; found {found}"
        )
    if wrong := [c for c in tolerated if c in {*key, *options.excluded_columns}]:
        raise ConfigError(
            f"tables.{str(table)!r}: tolerate names {', '.join(wrong)}, which is part of the key "
            "or excluded"
        )


def _identifying(relation: Relation, table: MappedTable, index: Index) -> dict[str, bool]:
    """Return column -> NOT NULL of an index that identifies rows; {} of any other index.

    Rows with a NULL in the key share it and are compared as a multiset.
    """
    mapped = {source for source, _ in table.columns}
    names = index.columns
    if not (index.unique and index.usable) or index.partial:
        return {}
    columns = [relation.column(name) for name in names if name in mapped]
    found = {c.name: c.not_null for c in columns if c is not None}
    return found if len(found) == len(names) else {}


def _refuse_unknown(table: MappedTable, option: str, names: Sequence[str]) -> None:
    known = {target for _, target in table.columns}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"tables.{str(table)!r}: {option} names {', '.join(unknown)}, which is no column of it "
            f"on the target; its columns are {', '.join(sorted(known))}"
        )


def _refuse_missing(manifest: Manifest, table: MappedTable, wanted: Sequence[str]) -> None:
    relation = manifest.target_catalog.relation(table.target)
    if relation is None:
        raise UnreadableError(f"{table}: the target has no such table, so no row can be compared")
    known = {c.name for c in relation.columns}
    missing = [c for c in wanted if c not in known]
    if missing:
        raise UnreadableError(
            f"{table}: the target lacks {', '.join(missing)}, so no row can be compared whole"
        )
