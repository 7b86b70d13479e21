"""Comparing indexes, foreign keys and columns of the manifest, with names mapped. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgcutover.catalog import ExpectedForeignKey, ExpectedIndex, Manifest
from pgcutover.catalog.model import DeclaredDifference, ForeignKey, Index, IndexPart
from pgcutover.compare.diffs import Diff, finding
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.verdict import Finding

_INDEX_WORDS = {
    "method": "method",
    "unique": "uniqueness",
    "primary": "being the primary key",
    "constraint": "the constraint behind it",
    "deferrable": "deferrability",
    "deferred": "being initially deferred",
    "nulls_not_distinct": "NULLS NOT DISTINCT",
    "parts": "columns, order or operator classes",
    "included": "included columns",
    "predicate": "the predicate",
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


def index_diff(manifest: Manifest, expected: ExpectedIndex) -> Diff:
    """What is wrong with one index on the target."""
    found = _index(manifest, expected.name)
    declared = manifest.difference("index", expected.name)
    mapped = _mapped_index(manifest, expected) if expected.source else None
    same = bool(mapped and found and not _unequal(mapped, found, _INDEX_WORDS))
    problems = list(_declared(expected.name, "index", declared, found, mapped is not None, same))
    if declared is None and mapped is not None:
        problems += _index_problems(manifest, expected, mapped, found)
    if found is not None and not found.usable:
        problems.append(_index_unusable(expected.name))
    return Diff(expected.name, tuple(problems))


def foreign_key_diff(manifest: Manifest, expected: ExpectedForeignKey) -> Diff:
    """What is wrong with one foreign key on the target."""
    name = expected.name
    found = target_key(manifest, name)
    declared = manifest.difference("foreign_key", name)
    mapped = mapped_key(manifest, expected) if expected.source else None
    same = bool(mapped and found and not _unequal(mapped, found, _KEY_WORDS))
    problems = list(_declared(name, "foreign key", declared, found, mapped is not None, same))
    if declared is None and mapped is not None:
        problems += _key_problems(manifest, name, mapped, found)
    if found is not None and (expected.source is None or expected.source.validated):
        problems += _key_unusable(name, found)
    return Diff(name, tuple(problems))


def extra_indexes(manifest: Manifest, table: MappedTable) -> Diff:
    """Indexes of a target's table that neither the source nor a declaration explains."""
    known = {str(e) for e in manifest.expected_indexes()}
    extra = [
        i
        for i in manifest.target_catalog.indexes
        if i.table == table.target and str(i.name) not in known
    ]
    return Diff(str(table), tuple(_extra("index", str(i.name), i.definition) for i in extra))


def extra_foreign_keys(manifest: Manifest, table: MappedTable) -> Diff:
    """Foreign keys of a target's table that nothing explains."""
    known = {str(e) for e in manifest.expected_foreign_keys()}
    extra = [
        k
        for k in manifest.target_catalog.foreign_keys
        if k.table == table.target and f"{k.table}.{k.name}" not in known
    ]
    return Diff(
        str(table),
        tuple(_extra("foreign_key", f"{k.table}.{k.name}", k.definition) for k in extra),
    )


def mapped_key(manifest: Manifest, expected: ExpectedForeignKey) -> ForeignKey:
    """The source's foreign key under the target's names."""
    key = expected.source
    if key is None:
        raise ValueError(f"{expected} is not of the source")
    parent = next((t for t in manifest.tables if t.source == key.referenced), None)
    return replace(
        key,
        table=expected.table.target,
        columns=_mapped_columns(expected.table, key.columns),
        referenced=parent.target if parent else key.referenced,
        referenced_columns=_mapped_columns(parent, key.referenced_columns),
        on_delete_columns=_mapped_columns(expected.table, key.on_delete_columns),
    )


def target_key(manifest: Manifest, name: str) -> ForeignKey | None:
    """The target's foreign key `schema.table.constraint`."""
    keys = manifest.target_catalog.foreign_keys
    return next((k for k in keys if f"{k.table}.{k.name}" == name), None)


def _index(manifest: Manifest, name: str) -> Index | None:
    return next((i for i in manifest.target_catalog.indexes if str(i.name) == name), None)


def _mapped_index(manifest: Manifest, expected: ExpectedIndex) -> Index | None:
    index, table = expected.source, expected.table
    if index is None:
        return None
    renames = {s: t for s, t in table.columns if s != t}
    return replace(
        index,
        name=RelationName(table.target.schema, index.name.name),
        table=table.target,
        parts=tuple(_mapped_part(part, renames) for part in index.parts),
        included=_mapped_columns(table, index.included),
        predicate=index.predicate,
    )


def _mapped_part(part: IndexPart, renames: dict[str, str]) -> IndexPart:
    if part.plain is None or part.plain not in renames:
        return part
    return replace(part, plain=renames[part.plain], text=renames[part.plain])


def _mapped_columns(table: MappedTable | None, columns: Sequence[str]) -> tuple[str, ...]:
    names = dict(table.columns) if table else {}
    return tuple(names.get(c, c) for c in columns)


def _unequal(one: object, other: object, words: dict[str, str]) -> list[str]:
    return [w for name, w in words.items() if _comparable(one, name) != _comparable(other, name)]


def _comparable(item: object, name: str) -> object:
    value = getattr(item, name)
    if name == "parts":  # a plain column's text may be quoted, its name is not
        return tuple(replace(part, text=part.plain or part.text) for part in value)
    return value


def _index_problems(
    manifest: Manifest, expected: ExpectedIndex, mapped: Index, found: Index | None
) -> Iterator[Finding]:
    name = expected.name
    if found is None:
        of_table = [i for i in manifest.target_catalog.indexes if i.table == mapped.table]
        alike = [i for i in of_table if not _unequal(mapped, i, _INDEX_WORDS)]
        yield _missing("index", name, mapped.definition, [str(i.name) for i in alike])
    elif found.table != mapped.table:
        yield finding(name, "index differs", f"index {name} is on {found.table} on the target")
    elif differing := _unequal(mapped, found, _INDEX_WORDS):
        yield _differs("index", name, differing, mapped.definition, found.definition)


def _key_problems(
    manifest: Manifest, name: str, mapped: ForeignKey, found: ForeignKey | None
) -> Iterator[Finding]:
    if found is None:
        of_table = [k for k in manifest.target_catalog.foreign_keys if k.table == mapped.table]
        alike = [k.name for k in of_table if not _unequal(mapped, k, _KEY_WORDS)]
        yield _missing("foreign key", name, mapped.definition, alike)
    elif differing := _unequal(mapped, found, _KEY_WORDS):
        yield _differs("foreign key", name, differing, mapped.definition, found.definition)


def _key_unusable(name: str, key: ForeignKey) -> Iterator[Finding]:
    if not key.validated:
        yield finding(
            name,
            "foreign key not validated",
            f"foreign key {name} is NOT VALID on the target; validate the constraint",
        )
    if not key.enforced:
        yield finding(
            name,
            "foreign key not enforced",
            f"foreign key {name} is switched off on the target: its triggers are disabled; "
            "alter table ... enable trigger all",
        )


def _index_unusable(name: str) -> Finding:
    return finding(
        name,
        "index not usable",
        f"index {name} is not valid, ready and live on the target; reindex it, or attach the "
        "missing partitions' indexes",
    )


def _declared(
    name: str,
    what: str,
    declared: DeclaredDifference | None,
    found: Index | ForeignKey | None,
    on_source: bool,
    same: bool,
) -> Iterator[Finding]:
    if declared is None:
        return
    if (declared.change == "added" and on_source) or (declared.change == "changed" and same):
        yield _needless(name, what, declared)
    if declared.change == "dropped":
        if found is not None:
            yield finding(name, f"{what} not dropped", f"{what} {name} is declared dropped but "
                          f"is on the target: {found.definition}")
    elif found is None:
        yield finding(name, f"{what} missing", f"{what} {name} is declared {declared.change} but "
                      "is not on the target")
    elif declared.definition is not None and declared.definition != found.definition:
        yield _differs(what, name, ["the declared definition"], declared.definition,
                       found.definition)
    elif declared.change == "changed" and declared.definition is None:
        yield finding(name, "declaration incomplete", f"{what} {name} is declared changed without "
                      "saying into what; add its definition")


def _needless(name: str, what: str, declared: DeclaredDifference) -> Finding:
    return finding(
        name,
        "declaration not needed",
        f"{what} {name} is declared {declared.change}, but source and target agree; remove the "
        "declaration from migration.toml",
    )


def _missing(what: str, name: str, definition: str, alike: Sequence[str]) -> Finding:
    if alike:
        return finding(
            name,
            f"{what} renamed",
            f"{what} {name} is called {', '.join(alike)} on the target; rename it, because "
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
        f"{what} {name} differs in {', '.join(differing)}; expected {one}, found {other}",
    )


def _extra(kind: str, name: str, definition: str) -> Finding:
    return finding(
        name,
        f"{kind} extra",
        f"{name} is on the target alone: {definition}; declare it in migration.toml "
        f'([[differences]] kind = "{kind}", change = "added") or drop it',
    )
