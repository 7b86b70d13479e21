"""How a mapped table is asked for on both sides: columns, key, and the newest rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from pgcutover.catalog import Manifest
from pgcutover.catalog.model import Index
from pgcutover.compare.rowtext import SideTable
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What migration.toml says of one table."""

    key: tuple[str, ...] = ()
    excluded_columns: tuple[str, ...] = ()


def sides(
    manifest: Manifest, table: MappedTable, options: TableOptions
) -> tuple[SideTable, SideTable]:
    """Both sides of a table in one column order; UnreadableError where the target lacks some."""
    pairs = [p for p in table.columns if p[1] not in options.excluded_columns]
    _refuse_missing(manifest, table, [target for _, target in pairs])
    if not pairs:
        raise UnreadableError(f"{table}: it has no column to compare, so nothing can be proven")
    key = key_columns(manifest, table, options)
    source_key = tuple(s for s, t in pairs if t in key)
    target_key = tuple(t for _, t in pairs if t in key)
    return (
        SideTable(table.source, tuple(s for s, _ in pairs), source_key),
        SideTable(table.target, tuple(t for _, t in pairs), target_key),
    )


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


def _is_not_null(column: object) -> bool:
    return bool(getattr(column, "not_null", False))


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
