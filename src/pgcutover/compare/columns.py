"""Comparing which tables and columns there are, and how columns are typed. Pure."""

from collections.abc import Iterator

from pgcutover.catalog import Manifest
from pgcutover.catalog.model import Column
from pgcutover.compare.diffs import Diff, finding
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.verdict import Finding

_WORDS = {
    "type": "type",
    "not_null": "NOT NULL",
    "generated": "being generated",
    "identity": "identity",
    "collation": "collation",
}
_MOVER_TABLES = "awsdms_"


def column_diff(manifest: Manifest, table: MappedTable) -> Diff:
    """Columns of one table that are missing, extra, or of another kind on the target."""
    source = manifest.source_catalog.relation(table.source)
    target = manifest.target_catalog.relation(table.target)
    if source is None or target is None:
        message = f"table {table} is missing on the target"
        return Diff(str(table), (finding(table, "table missing", message),))
    problems: list[Finding] = []
    for name, mapped in table.columns:
        one, other = source.column(name), target.column(mapped)
        problems += _problems(manifest, f"{table}.{mapped}", one, other)
    known = {mapped for _, mapped in table.columns}
    problems += [
        finding(f"{table}.{c.name}", "column extra", f"column {table}.{c.name} is on the target "
                "alone; declare it in migration.toml or drop it")
        for c in target.columns
        if c.name not in known and not _is_declared(manifest, f"{table}.{c.name}", "added")
    ]
    if source.persistence != target.persistence:
        message = f"table {table} is logged on one side and unlogged on the other"
        problems.append(finding(table, "persistence differs", message))
    return Diff(str(table), tuple(problems), {"columns": len(table.columns)})


def scope_diff(manifest: Manifest) -> Diff:
    """Tables of the source that no rule decides about, and tables of the target from nowhere."""
    problems = [
        finding(name, "table undecided", f"table {name} of the source is neither included nor "
                "excluded by any selection rule; decide about it")
        for name in manifest.undecided_tables
    ]
    explained = {t.target for t in manifest.tables}
    schemas = {t.target.schema for t in manifest.tables}
    problems += [
        finding(r.name, "table extra", f"table {r.name} is on the target alone; declare it in "
                "migration.toml or drop it")
        for r in manifest.target_catalog.relations
        if r.name.schema in schemas and r.name not in explained and _is_stray(manifest, r.name)
    ]
    return Diff("*", tuple(problems), {"tables": len(manifest.tables)})


def _problems(
    manifest: Manifest, name: str, source: Column | None, target: Column | None
) -> Iterator[Finding]:
    declared = manifest.difference("column", name)
    if source is None or target is None:
        yield finding(name, "column missing", f"column {name} is missing on the target")
        return
    differing = [w for n, w in _WORDS.items() if getattr(source, n) != getattr(target, n)]
    if source.generated and source.generated == target.generated:
        differing += ["generated expression"] if source.default != target.default else []
    if declared is not None and declared.change == "changed":
        if not differing:
            yield finding(name, "declaration not needed", f"column {name} is declared changed, "
                          "but source and target agree; remove the declaration")
        elif declared.definition != target.type:
            yield finding(name, "column differs", f"column {name} is declared as "
                          f"{declared.definition}, found {target.type}")
        return
    if differing:
        yield finding(
            name,
            "column differs",
            f"column {name} differs in {', '.join(differing)}; expected {_shown(source)}, "
            f"found {_shown(target)}",
        )


def _shown(column: Column) -> str:
    words = [column.type]
    words += [f"collate {column.collation}"] if column.collation else []
    words += ["not null"] if column.not_null else []
    words += [f"generated always as {column.default}"] if column.generated else []
    words += [{"a": "identity always", "d": "identity by default"}.get(column.identity, "")]
    return " ".join(word for word in words if word)


def _is_declared(manifest: Manifest, name: str, change: str) -> bool:
    declared = manifest.difference("column", name)
    return declared is not None and declared.change == change


def _is_stray(manifest: Manifest, name: RelationName) -> bool:
    declared = manifest.difference("table", str(name))
    return not name.name.startswith(_MOVER_TABLES) and (
        declared is None or declared.change != "added"
    )
