"""Comparing which tables and columns there are, how columns are typed, who may read. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from pgcutover.catalog import Manifest
from pgcutover.catalog.manifest import is_movers_own
from pgcutover.catalog.model import Column, Relation
from pgcutover.compare.declared import needless
from pgcutover.compare.sqltext import Likeness, Names, alike, same_definition
from pgcutover.compare.structure import names_of
from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.verdict import Finding

_WORDS = {"not_null": "NOT NULL", "generated": "being generated", "identity": "identity"}


def column_diff(manifest: Manifest, table: MappedTable) -> Diff:
    """Columns of one table that are missing, extra, or of another kind on the target."""
    source = manifest.source_catalog.relation(table.source)
    target = manifest.target_catalog.relation(table.target)
    if source is None or target is None:
        message = f"table {table} is missing on the target"
        return Diff(str(table), (finding(table, "table missing", message),))
    names = names_of(manifest, table)
    problems = list(_table_problems(manifest, table, source, target))
    for name, mapped in table.columns:
        one, other = source.column(name), target.column(mapped)
        if one is not None:
            problems += _column_problems(manifest, f"{table}.{mapped}", one, other, names)
    problems += _extra_columns(manifest, table, target)
    return Diff(str(table), tuple(problems), {"columns": len(table.columns)})


def scope_diff(manifest: Manifest) -> Diff:
    """Tables of the source that no rule decides about, and tables of the target from nowhere."""
    problems = [
        finding(
            name,
            "table undecided",
            f"table {name} of the source is neither included nor excluded by any selection rule; "
            "decide about it",
        )
        for name in manifest.undecided_tables
    ]
    explained = {t.target for t in manifest.tables}
    # a copy left where a moved table used to be shadows it through search_path
    schemas = {name.schema for t in manifest.tables for name in (t.source, t.target)}
    problems += [
        finding(
            r.name,
            "table extra",
            f"table {r.name} is on the target alone; declare it in migration.toml or drop it",
        )
        for r in manifest.target_catalog.relations
        if r.name.schema in schemas and r.name not in explained and _is_stray(manifest, r.name)
    ]
    return Diff("*", tuple(problems), {"tables": len(manifest.tables)})


def _table_problems(
    manifest: Manifest, table: MappedTable, source: Relation, target: Relation
) -> Iterator[Finding]:
    if source.persistence != target.persistence:
        words = {"p": "logged", "u": "unlogged"}
        one, other = (words.get(r.persistence, r.persistence) for r in (source, target))
        message = f"table {table} is {one} on the source and {other} on the target"
        yield finding(table, "persistence differs", message)
    moved = ((manifest.source_table(parent), parent) for parent in source.inherits)
    parents = [mapped.target if mapped else parent for mapped, parent in moved]
    if parents != list(target.inherits):
        one, other = (", ".join(map(str, p)) or "nothing" for p in (parents, target.inherits))
        message = f"table {table} inherits from {other} on the target, expected {one}"
        yield finding(table, "inheritance differs", message)


def _extra_columns(manifest: Manifest, table: MappedTable, target: Relation) -> Iterator[Finding]:
    known = {mapped for _, mapped in table.columns}
    for column in target.columns:
        name = f"{table}.{column.name}"
        declared = manifest.difference("column", name)
        if column.name in known:
            continue
        if declared is None or declared.change != "added":
            message = f"column {name} is on the target alone; declare it or drop it"
            yield finding(name, "column extra", message)
        elif declared.definition and not same_definition(declared.definition, column.type):
            message = f"column {name} is declared as {declared.definition}, found {column.type}"
            yield finding(name, "column differs", message)


def _column_problems(
    manifest: Manifest, name: str, source: Column, target: Column | None, names: Names
) -> Iterator[Finding]:
    declared = manifest.difference("column", name)
    dropped = declared is not None and declared.change == "dropped"
    if target is None:
        if not dropped:
            yield finding(name, "column missing", f"column {name} is missing on the target")
        return
    if dropped:
        message = f"column {name} is declared dropped but is on the target"
        yield finding(name, "column not dropped", message)
    likeness, differing = _column_likeness(source, target, names)
    if declared is not None and declared.change == "added":
        yield needless(declared, "the source has it")
    if declared is not None and declared.change == "changed":
        if likeness is Likeness.SAME:
            yield needless(declared, "source and target agree")
        elif not same_definition(declared.definition or "", shown(target)):
            message = f"column {name} is declared as {declared.definition}, found {shown(target)}"
            yield finding(name, "column differs", message)
    elif likeness is Likeness.UNDECIDED:
        raise UnreadableError(
            f"column {name}: cannot be judged, because {shown(source)} and {shown(target)} "
            "differ in a schema that no mapping rule speaks of; declare it in migration.toml"
        )
    elif differing:
        yield finding(
            name,
            "column differs",
            f"column {name} differs in {', '.join(differing)}; expected {shown(source)}, "
            f"found {shown(target)}",
        )


def _column_likeness(source: Column, target: Column, names: Names) -> tuple[Likeness, list[str]]:
    types = replace(names, columns={})
    found = {
        "type": alike(source.type, target.type, types),
        "collation": alike(source.collation, target.collation, types),
    }
    if source.generated == target.generated:
        found["generated expression"] = alike(source.default, target.default, names)
    differing = [what for what, likeness in found.items() if likeness is Likeness.DIFFERENT]
    differing += [w for n, w in _WORDS.items() if getattr(source, n) != getattr(target, n)]
    if differing:
        return Likeness.DIFFERENT, differing
    undecided = Likeness.UNDECIDED in found.values()
    return Likeness.UNDECIDED if undecided else Likeness.SAME, []


def shown(column: Column) -> str:
    """A column's type and properties, as a declaration of a change spells them."""
    words = [column.type]
    words += [f"collate {column.collation}"] if column.collation else []
    words += ["not null"] if column.not_null else []
    words += [f"generated always as {column.default}"] if column.generated else []
    words += [{"a": "identity always", "d": "identity by default"}.get(column.identity, "")]
    return " ".join(word for word in words if word)


def _is_stray(manifest: Manifest, name: RelationName) -> bool:
    declared = manifest.difference("table", str(name))
    return not is_movers_own(name) and (declared is None or declared.change != "added")
