"""How a mapped table is asked for on both sides: columns, key, and the newest rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from pgcutover.catalog import Manifest
from pgcutover.catalog.model import Column, Index
from pgcutover.catalog.read import SideCatalog
from pgcutover.compare.rowtext import SideTable
from pgcutover.errors import ConfigError, UnreadableError
from pgcutover.mapping import MappedTable, RelationName


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What migration.toml says of one table."""

    key: tuple[str, ...] = ()
    excluded_columns: tuple[str, ...] = ()


def sides(
    manifest: Manifest, table: MappedTable, options: TableOptions
) -> tuple[SideTable, SideTable]:
    """Both sides of a table in one column order; UnreadableError where the target lacks some."""
    _refuse_unknown(table, "exclude", options.excluded_columns)
    _refuse_unknown(table, "key", options.key)
    left_out = {*options.excluded_columns, *dropped_columns(manifest, table)}
    pairs = [p for p in table.columns if p[1] not in left_out]
    _refuse_missing(manifest, table, [target for _, target in pairs])
    if not pairs:
        raise UnreadableError(f"{table}: it has no column to compare, so nothing can be proven")
    key = key_columns(manifest, table, options)
    source_key = tuple(s for s, t in pairs if t in key)
    target_key = tuple(t for _, t in pairs if t in key)
    source, target = manifest.source_catalog, manifest.target_catalog
    return (
        SideTable(
            table.source,
            tuple(s for s, _ in pairs),
            source_key,
            is_plain(source, table.source),
            manifest.source.encoding,
        ),
        SideTable(
            table.target,
            tuple(t for _, t in pairs),
            target_key,
            is_plain(target, table.target),
            manifest.target.encoding,
        ),
    )


def dropped_columns(manifest: Manifest, table: MappedTable) -> tuple[str, ...]:
    """The target's names of columns that are declared to be dropped on the way."""
    declared = ((t, manifest.difference("column", f"{table}.{t}")) for _, t in table.columns)
    return tuple(name for name, d in declared if d is not None and d.change == "dropped")


def is_plain(catalog: SideCatalog, name: RelationName) -> bool:
    """Whether a table's own rows are its alone, so that ONLY leaves none of them out."""
    relation = catalog.relation(name)
    return relation is not None and relation.kind == "r"


def key_columns(manifest: Manifest, table: MappedTable, options: TableOptions) -> tuple[str, ...]:
    """The target's names of what identifies a row on the source; () where nothing does."""
    if options.key:
        return options.key
    candidates = [i for i in manifest.source_catalog.indexes if i.table == table.source]
    for index in sorted(candidates, key=lambda i: (not i.primary, len(i.parts), str(i.name))):
        columns = [part.plain for part in index.parts]
        if _identifies(manifest, table, index):
            return tuple(table.target_column(c) for c in columns if c is not None)
    return ()


def _identifies(manifest: Manifest, table: MappedTable, index: Index) -> bool:
    relation = manifest.source_catalog.relation(table.source)
    mapped = {source for source, _ in table.columns}
    columns = [part.plain for part in index.parts]
    if not (index.unique and index.usable) or index.predicate or relation is None:
        return False
    return all(c in mapped and _is_not_null(relation.column(c)) for c in columns if c) and all(
        columns
    )


def _is_not_null(column: Column | None) -> bool:
    return column is not None and column.not_null


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
