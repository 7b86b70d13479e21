"""Differences that the numbered scripts intend, found by looking at what they made."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from pgcutover.catalog import ExpectedIndex, Manifest
from pgcutover.catalog.read import SideCatalog
from pgcutover.compare import columns, structure
from pgcutover.config.differences import DeclaredDifference
from pgcutover.errors import UnreadableError

REASON = "made so by a script of setup/schema"
_Kind = Literal["index", "foreign_key", "table", "column"]
_Change = Literal["added", "changed", "dropped"]


def derived_differences(manifest: Manifest, expected: SideCatalog) -> list[DeclaredDifference]:
    """How the expected schema differs from the source under the mapping, as declarations.

    The target must then be so, exactly as if migration.toml had said it.
    """
    meant = replace(manifest, target_catalog=expected, declared=())
    return [*_tables(meant), *_columns(meant), *_indexes(meant), *_foreign_keys(meant)]


def _declared(
    kind: _Kind, name: str, change: _Change, definition: str | None = None
) -> DeclaredDifference:
    return DeclaredDifference(kind, name, change, REASON, definition)


def _tables(meant: Manifest) -> Iterator[DeclaredDifference]:
    for problem in columns.scope_diff(meant).differences:
        if problem.kind == "table extra":
            yield _declared("table", problem.object, "added")


def _columns(meant: Manifest) -> Iterator[DeclaredDifference]:
    for table in meant.tables:
        relation = meant.target_catalog.relation(table.target)
        if relation is None:
            continue
        try:
            found = columns.column_diff(meant, table).differences
        except UnreadableError:
            continue  # what cannot be judged is for the check to say
        for problem in found:
            column = relation.column(problem.object.removeprefix(f"{table}."))
            if problem.kind == "column missing":
                yield _declared("column", problem.object, "dropped")
            elif column is not None and problem.kind == "column extra":
                yield _declared("column", problem.object, "added", column.type)
            elif column is not None and problem.kind == "column differs":
                yield _declared("column", problem.object, "changed", columns.shown(column))


def _indexes(meant: Manifest) -> Iterator[DeclaredDifference]:
    made = {str(i.name): i.definition for i in meant.target_catalog.indexes}
    known = frozenset(map(str, meant.expected_indexes()))
    for index in meant.expected_indexes():
        if _differs_index(meant, index):
            yield _outcome("index", str(index), made)
    for table in meant.tables:
        for problem in structure.extra_indexes(meant, table, known).differences:
            yield _declared("index", problem.object, "added", made[problem.object])


def _foreign_keys(meant: Manifest) -> Iterator[DeclaredDifference]:
    made = {f"{k.table}.{k.name}": k.definition for k in meant.target_catalog.foreign_keys}
    known = frozenset(map(str, meant.expected_foreign_keys()))
    for key in meant.expected_foreign_keys():
        if structure.foreign_key_diff(meant, key):
            yield _outcome("foreign_key", str(key), made)
    for table in meant.tables:
        for problem in structure.extra_foreign_keys(meant, table, known).differences:
            yield _declared("foreign_key", problem.object, "added", made[problem.object])


def _differs_index(meant: Manifest, index: ExpectedIndex) -> bool:
    try:
        return bool(structure.index_diff(meant, index))
    except UnreadableError:
        return True  # an expression that only PostgreSQL can judge: it is as it was made


def _outcome(kind: _Kind, name: str, made: dict[str, str]) -> DeclaredDifference:
    if name in made:
        return _declared(kind, name, "changed", made[name])
    return _declared(kind, name, "dropped")
