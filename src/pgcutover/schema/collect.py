"""Reads both schemas once, and builds the expected one."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pgcutover.catalog import ExpectedNames, Manifest
from pgcutover.catalog.manifest import is_movers_own
from pgcutover.config.differences import DeclaredDifference
from pgcutover.connect import open_side
from pgcutover.errors import PgCutoverError
from pgcutover.mapping import RelationName
from pgcutover.provision.scripts import require_phases
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.evidence_file import save_evidence
from pgcutover.schema.expected.build import Expected, Recipe, expected_schema
from pgcutover.schema.explained.source_faults import without_faults
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.kinds.extensions import EXTENSIONS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.snapshot import collect_snapshot, quoted
from pgcutover.schema.snapshot_file import save
from pgcutover.schema.stage import SchemaStage
from pgcutover.sides import fetch_both

EVERY_KIND = (*KINDS, *CLUSTER_KINDS)
_OF_THE_SOURCE = {kind.name for kind in (*CLUSTER_KINDS, EXTENSIONS)}


@dataclass(frozen=True, slots=True)
class CollectedSchema:
    """The evidence of the schema checks, the expected names, and complete snapshots."""

    evidence: SchemaEvidence
    names: ExpectedNames | None
    snapshots: Mapping[str, Snapshot]

    def with_expected(self, expected: Expected, manifest: Manifest) -> "CollectedSchema":
        """Return both schemas together with the expected one."""
        moved, left_behind = expected.moved, self.evidence.left_behind
        evidence = replace(
            self.evidence,
            expected=expected.snapshot,
            moved=moved,
            left_behind=tuple(moved[name] for name in left_behind if name in moved),
            invalid=expected.invalid,
        )
        names = SchemaStage(evidence).expected_names(manifest.tables)
        sides = (self.snapshots["source"], self.snapshots["target"])
        whole = whole_expectation(expected.snapshot, *sides)
        return CollectedSchema(evidence, names, {**self.snapshots, "expected": whole})

    def save(self, folder: Path) -> None:
        """Write one file for each snapshot, to be compared later, and what explains differences."""
        for name, snapshot in self.snapshots.items():
            save(snapshot, folder / f"{name}.json")
        save_evidence(self.evidence, folder)


def collect_schema(
    source_dsn: str,
    target_dsn: str,
    manifest: Manifest,
    scripts: Path | None,
    scratch_dsn: str | None,
    say: Callable[[str], None],
    declared: Collection[DeclaredDifference] = (),
) -> CollectedSchema:
    """Read both schemas and build the expected one.

    If it cannot be built, the evidence says why, and the checks are UNKNOWN.
    """
    if scripts is not None:
        require_phases(scripts)
    taken = read_schemas(source_dsn, target_dsn, manifest, declared)
    recipe = recipe_of(source_dsn, target_dsn, manifest, scripts, scratch_dsn)
    try:
        expected = expected_schema(recipe, say)
    except PgCutoverError as error:
        say(str(error))
        return replace(taken, evidence=replace(taken.evidence, trouble=str(error)))
    return taken.with_expected(expected, manifest)


def read_schemas(
    source_dsn: str,
    target_dsn: str,
    manifest: Manifest,
    declared: Collection[DeclaredDifference],
) -> CollectedSchema:
    """Read the schemas of both sides, at the same time."""
    excluded = excluded_tables(manifest)
    with open_side("source", source_dsn) as one, open_side("target", target_dsn) as other:
        source, target = fetch_both(
            lambda: collect_snapshot(one, EVERY_KIND),
            lambda: collect_snapshot(other, EVERY_KIND),
            (one, other),
        )
        evidence = SchemaEvidence(
            source.only(_OF_THE_SOURCE),
            target,
            own_roles=tuple(sorted({source.own_role, target.own_role})),
            compared=quoted(other, [table.target for table in manifest.tables]),
            left_behind=quoted(one, excluded),
            removed_columns=tuple(f"{t}.{c}" for t in manifest.tables for c in t.removed_columns),
            undecided=tuple(map(str, manifest.undecided_tables)),
            declared=tuple(declared),
        )
    return CollectedSchema(evidence, None, {"source": source, "target": target})


def recipe_of(
    source_dsn: str,
    target_dsn: str,
    manifest: Manifest,
    scripts: Path | None,
    scratch_dsn: str | None,
) -> Recipe:
    """Return the inputs of a migration's expected schema."""
    return Recipe(
        source_dsn,
        target_dsn,
        manifest.target.server_version_num // 10_000,
        manifest.target.database,
        manifest.target.encoding,
        manifest.tables,
        scripts,
        scratch_dsn,
    )


def whole_expectation(made: Snapshot, source: Snapshot, target: Snapshot) -> Snapshot:
    """Return the expected schema, with the kinds that pg_dump omits from scripts or the source.

    Versions of extensions are the source's, because the scratch server may offer others.
    """
    versions = {n: o.facts["version"] for n, o in source.of_kind("extension").items()}
    faultless = without_faults(source, target).only([kind.name for kind in CLUSTER_KINDS])
    objects = {o.identity: o for o in faultless.objects}
    for each in made.objects:
        version = versions.get(each.name) if each.kind == "extension" else None
        facts = {**each.facts, "version": version} if version else each.facts
        objects[each.identity] = replace(each, facts=facts)
    return replace(
        made,
        objects=tuple(objects.values()),
        unread={**faultless.unread, **made.unread},
        kinds=tuple(dict.fromkeys((*made.kinds, *faultless.kinds))),
        own_role=source.own_role,
    )


def excluded_tables(manifest: Manifest) -> list[RelationName]:
    """Return the source's tables that the mapping rules exclude."""
    decided = {*manifest.undecided_tables, *(table.source for table in manifest.tables)}
    names = [relation.name for relation in manifest.source_catalog.relations]
    return [name for name in names if name not in decided and not is_movers_own(name)]
