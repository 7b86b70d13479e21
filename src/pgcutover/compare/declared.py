"""Judging differences that migration.toml declares: present as declared, and still needed. Pure."""

from collections import Counter
from collections.abc import Iterator

from pgcutover.catalog import Manifest
from pgcutover.catalog.model import ForeignKey, Index
from pgcutover.compare.sqltext import same_definition
from pgcutover.config.differences import DeclaredDifference
from pgcutover.diff import Diff, finding
from pgcutover.verdict import Finding


def against_declaration(
    what: str,
    declared: DeclaredDifference,
    source: Index | ForeignKey | None,
    found: Index | ForeignKey | None,
    same: bool,
) -> Iterator[Finding]:
    """What is wrong with an index or foreign key of which a difference is declared.

    `same` says that source and target agree under the mapping.
    """
    name = declared.object
    if declared.change == "added" and source is not None:
        yield needless(declared, "the source has it")
    if declared.change == "changed" and same:
        yield needless(declared, "source and target agree")
    if declared.change == "dropped":
        if found is not None:
            yield finding(
                name,
                f"{what} not dropped",
                f"{what} {name} is declared dropped but is on the target: {found.definition}",
            )
    elif found is None:
        yield finding(
            name,
            f"{what} missing",
            f"{what} {name} is declared {declared.change} but is missing on the target",
        )
    else:
        yield from _as_defined(what, declared, found.definition)


def declarations_diff(manifest: Manifest) -> Diff:
    """Declarations that nothing can ever judge: repeated, of unknown objects, contradictory."""
    counted = Counter((d.kind, d.object) for d in manifest.declared)
    problems = [
        finding(name, "declared twice", f"{kind} {name} is declared {n} times; keep one")
        for (kind, name), n in counted.items()
        if n > 1
    ]
    for declared in manifest.declared:
        problems += _idle(manifest, declared)
    return Diff("*", tuple(problems), {"declared": len(manifest.declared)})


def needless(declared: DeclaredDifference, why: str) -> Finding:
    """A declaration that excuses nothing, and so might excuse tomorrow's fault."""
    return finding(
        declared.object,
        "declaration not needed",
        f"{declared.kind} {declared.object} is declared {declared.change}, but {why}; remove the "
        "declaration from migration.toml",
    )


def _as_defined(what: str, declared: DeclaredDifference, found: str) -> Iterator[Finding]:
    name = declared.object
    if declared.definition is None:
        if declared.change == "changed":
            yield finding(
                name,
                "declaration incomplete",
                f"{what} {name} is declared changed without saying into what; add its definition, "
                f"which on the target is: {found}",
            )
    elif not same_definition(declared.definition, found):
        yield finding(
            name,
            f"{what} differs",
            f"{what} {name} is declared as: {declared.definition}, found: {found}",
        )


def _idle(manifest: Manifest, declared: DeclaredDifference) -> Iterator[Finding]:
    kind, name = declared.kind, declared.object
    if kind == "table":
        yield from _idle_table(manifest, declared)
        return
    known = {
        "index": {str(i) for i in manifest.expected_indexes()},
        "foreign_key": {str(k) for k in manifest.expected_foreign_keys()},
        "column": _columns(manifest, declared.change),
    }[kind]
    if name not in known:
        yield needless(declared, f"there is no such {kind.replace('_', ' ')}")


def _columns(manifest: Manifest, change: str) -> set[str]:
    if change != "added":
        return {f"{t}.{target}" for t in manifest.tables for _, target in t.columns}
    relations = {r.name: r for r in manifest.target_catalog.relations}
    found = [(t, relations[t.target]) for t in manifest.tables if t.target in relations]
    mapped = {f"{t}.{target}" for t in manifest.tables for _, target in t.columns}
    return {f"{t}.{c.name}" for t, relation in found for c in relation.columns} - mapped


def _idle_table(manifest: Manifest, declared: DeclaredDifference) -> Iterator[Finding]:
    name = declared.object
    if declared.change != "added":
        yield finding(
            name,
            "declaration impossible",
            f"table {name} is declared {declared.change}; a table that stays behind is excluded by "
            "a selection rule, and what changes in it is declared by column, index or foreign key",
        )
    elif manifest.target_table(name) is not None:
        yield needless(declared, "the source has it")
    elif not any(str(r.name) == name for r in manifest.target_catalog.relations):
        yield finding(
            name,
            "table missing",
            f"table {name} is declared added but is missing on the target",
        )
