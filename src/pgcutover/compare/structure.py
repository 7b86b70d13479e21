"""Comparing indexes and foreign keys of the manifest, with names mapped. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pgcutover.catalog import ExpectedForeignKey, ExpectedIndex, Manifest
from pgcutover.catalog.model import ForeignKey, Index, IndexPart
from pgcutover.compare.declared import against_declaration
from pgcutover.compare.sqltext import Likeness, Names, alike
from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable
from pgcutover.verdict import Finding

_INDEX_WORDS = {
    "method": "method",
    "unique": "uniqueness",
    "primary": "being the primary key",
    "constraint": "the constraint behind it",
    "deferrable": "deferrability",
    "deferred": "being initially deferred",
    "nulls_not_distinct": "NULLS NOT DISTINCT",
}
_KEY_WORDS = {
    "columns": "columns",
    "referenced": "the referenced table",
    "referenced_columns": "referenced columns",
    "on_update": "ON UPDATE",
    "on_delete": "ON DELETE",
    "on_delete_columns": "the columns set by ON DELETE",
    "match": "MATCH",
    "deferrable": "deferrability",
    "deferred": "being initially deferred",
}
_OPEN = "NOT ENFORCED"


def names_of(manifest: Manifest, table: MappedTable | None) -> Names:
    """How the mapping renames a table's columns, and where it moves each schema's things."""
    columns = {s: t for s, t in table.columns if s != t} if table else {}
    return Names(columns, manifest.moved_schemas)


def index_diff(manifest: Manifest, expected: ExpectedIndex) -> Diff:
    """What is wrong with one index; UnreadableError where its definition cannot be judged."""
    name, source = expected.name, expected.source
    found = manifest.target_catalog.index(name)
    declared = manifest.difference("index", name)
    likeness, differing = Likeness.DIFFERENT, list[str]()
    if source is not None and found is not None:
        likeness, differing = _index_likeness(manifest, expected.table, source, found)
    problems: list[Finding] = []
    if declared is not None:
        same = likeness is Likeness.SAME
        problems += against_declaration("index", declared, source, found, same)
    elif source is not None and found is None:
        problems.append(_index_missing(manifest, expected, source))
    elif source is not None and found is not None:
        problems += _index_problems(name, likeness, differing, source, found)
    if found is not None and not found.usable:
        problems.append(_index_unusable(name))
    return Diff(name, tuple(problems))


def foreign_key_diff(manifest: Manifest, expected: ExpectedForeignKey) -> Diff:
    """What is wrong with one foreign key on the target."""
    name, source = expected.name, expected.source
    found = manifest.target_catalog.foreign_key(name)
    declared = manifest.difference("foreign_key", name)
    mapped = mapped_key(manifest, expected) if source else None
    differing = _key_differs(mapped, found) if mapped and found else []
    problems: list[Finding] = []
    if declared is not None:
        same = bool(mapped and found) and not differing
        problems += against_declaration("foreign key", declared, source, found, same)
    elif mapped is not None and found is None:
        problems.append(_key_missing(manifest, name, mapped))
    elif mapped is not None and found is not None and differing:
        problems.append(
            _differs("foreign key", name, differing, mapped.definition, found.definition)
        )
    if found is not None:
        problems += _key_unusable(name, source, found)
    return Diff(name, tuple(problems))


def extra_indexes(manifest: Manifest, table: MappedTable, known: Collection[str]) -> Diff:
    """Indexes of a target's table that are none of the expected ones, whose names are known."""
    extra = [
        i for i in manifest.target_catalog.indexes_of(table.target) if str(i.name) not in known
    ]
    return Diff(str(table), tuple(_extra("index", str(i.name), i.definition) for i in extra))


def extra_foreign_keys(manifest: Manifest, table: MappedTable, known: Collection[str]) -> Diff:
    """Foreign keys of a target's table that are none of the expected ones."""
    extra = [
        k
        for k in manifest.target_catalog.foreign_keys_of(table.target)
        if f"{k.table}.{k.name}" not in known
    ]
    return Diff(
        str(table),
        tuple(_extra("foreign_key", f"{k.table}.{k.name}", k.definition) for k in extra),
    )


def triggers_diff(manifest: Manifest) -> Diff:
    """Settings of the target under which no foreign key is enforced and no trigger fires."""
    problems = [
        finding(
            "*",
            "triggers switched off",
            f"session_replication_role is set for {place} on the target, so no foreign key is "
            "enforced and no trigger fires for whoever connects; reset it",
        )
        for place in manifest.target_catalog.triggers_off
    ]
    return Diff("*", tuple(problems))


def mapped_key(manifest: Manifest, expected: ExpectedForeignKey) -> ForeignKey:
    """The source's foreign key under the target's names."""
    key, table = expected.source, expected.table
    if key is None or table is None:
        raise ValueError(f"{expected} is not of the source")
    parent = manifest.source_table(key.referenced)
    return replace(
        key,
        table=table.target,
        columns=_mapped_columns(table, key.columns),
        referenced=parent.target if parent else key.referenced,
        referenced_columns=_mapped_columns(parent, key.referenced_columns),
        on_delete_columns=tuple(sorted(_mapped_columns(table, key.on_delete_columns))),
    )


def _mapped_columns(table: MappedTable | None, columns: Sequence[str]) -> tuple[str, ...]:
    names = dict(table.columns) if table else {}
    return tuple(names.get(c, c) for c in columns)


def _key_differs(mapped: ForeignKey, found: ForeignKey) -> list[str]:
    differing = [w for n, w in _KEY_WORDS.items() if getattr(mapped, n) != getattr(found, n)]
    if mapped.definition.endswith(_OPEN) and not found.definition.endswith(_OPEN):
        differing.append(f"not being {_OPEN}")  # it refuses rows that the source accepts
    return differing


def _index_problems(
    name: str, likeness: Likeness, differing: Sequence[str], source: Index, found: Index
) -> Iterator[Finding]:
    if likeness is Likeness.UNDECIDED:
        raise UnreadableError(
            f"index {name}: cannot be judged, because the source's {source.definition} and the "
            f"target's {found.definition} differ in a schema that no mapping rule speaks of; "
            'declare the difference in migration.toml (change = "changed")'
        )
    if likeness is Likeness.DIFFERENT:
        yield _differs("index", name, differing, source.definition, found.definition)


def _index_likeness(
    manifest: Manifest, table: MappedTable | None, source: Index, found: Index
) -> tuple[Likeness, list[str]]:
    names = names_of(manifest, table)
    differing = [w for n, w in _INDEX_WORDS.items() if getattr(source, n) != getattr(found, n)]
    if table is None or found.table != table.target:
        differing.append(f"the table it is on, {found.table}")
    if _mapped_columns(table, source.included) != found.included:
        differing.append("included columns")
    predicate = alike(source.predicate, found.predicate, names)
    parts = [_part_alike(a, b, names) for a, b in zip(source.parts, found.parts, strict=False)]
    if len(source.parts) != len(found.parts) or Likeness.DIFFERENT in parts:
        differing.append("columns, order or operator classes")
    if predicate is Likeness.DIFFERENT:
        differing.append("the predicate")
    if differing:
        return Likeness.DIFFERENT, differing
    undecided = Likeness.UNDECIDED in (predicate, *parts)
    return Likeness.UNDECIDED if undecided else Likeness.SAME, []


def _part_alike(source: IndexPart, target: IndexPart, names: Names) -> Likeness:
    plain = ("opclass", "collation", "options")
    if any(getattr(source, name) != getattr(target, name) for name in plain):
        return Likeness.DIFFERENT
    if source.plain is None or target.plain is None:
        is_expression = source.plain is None and target.plain is None
        return alike(source.text, target.text, names) if is_expression else Likeness.DIFFERENT
    same = names.columns.get(source.plain, source.plain) == target.plain
    return Likeness.SAME if same else Likeness.DIFFERENT


def _index_missing(manifest: Manifest, expected: ExpectedIndex, source: Index) -> Finding:
    table = expected.table
    alike_there = [
        str(i.name)
        for i in (manifest.target_catalog.indexes_of(table.target) if table else ())
        if _index_likeness(manifest, table, source, i)[0] is Likeness.SAME
    ]
    return _missing("index", expected.name, source.definition, alike_there)


def _key_missing(manifest: Manifest, name: str, mapped: ForeignKey) -> Finding:
    of_table = manifest.target_catalog.foreign_keys_of(mapped.table)
    alike_there = [k.name for k in of_table if not _key_differs(mapped, k)]
    return _missing("foreign key", name, mapped.definition, alike_there)


def _key_unusable(name: str, source: ForeignKey | None, key: ForeignKey) -> Iterator[Finding]:
    if not key.validated and (source is None or source.validated):
        yield finding(
            name,
            "foreign key not validated",
            f"foreign key {name} is NOT VALID on the target; validate the constraint",
        )
    if not key.enforced and (source is None or source.enforced):
        yield finding(
            name,
            "foreign key not enforced",
            f"foreign key {name} is not enforced on the target: its triggers are disabled, or it "
            "is marked so; alter table ... enable trigger all",
        )


def _index_unusable(name: str) -> Finding:
    return finding(
        name,
        "index not usable",
        f"index {name} is not valid, ready and live on the target; reindex it, or attach the "
        "missing partitions' indexes",
    )


def _missing(what: str, name: str, definition: str, alike_there: Sequence[str]) -> Finding:
    if alike_there:
        return finding(
            name,
            f"{what} renamed",
            f"{what} {name} is called {', '.join(alike_there)} on the target; rename it, because "
            "ON CONFLICT and error handling may name it",
        )
    return finding(
        name,
        f"{what} missing",
        f"{what} {name} is missing on the target; the source has: {definition}",
    )


def _differs(what: str, name: str, differing: Sequence[str], one: str, other: str) -> Finding:
    return finding(
        name,
        f"{what} differs",
        f"{what} {name} differs in {', '.join(differing)}; the source has: {one}, "
        f"the target: {other}",
    )


def _extra(kind: str, name: str, definition: str) -> Finding:
    return finding(
        name,
        f"{kind.replace('_', ' ')} extra",
        f"{name} is on the target alone: {definition}; declare it in migration.toml "
        f'([[differences]] kind = "{kind}", change = "added") or drop it',
    )
