"""Everything the schema stage needs of both sides, taken once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pgcutover.catalog import Manifest
from pgcutover.config.differences import DeclaredDifference
from pgcutover.connect import open_side
from pgcutover.errors import PgCutoverError
from pgcutover.schema.expected.build import Recipe, expected_schema
from pgcutover.schema.expected.script_changes import derived_differences
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.kinds.extensions import EXTENSIONS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.snapshot import quoted, take
from pgcutover.schema.snapshot_file import save
from pgcutover.schema.source_faults import without_faults
from pgcutover.schema.stage import SchemaEvidence
from pgcutover.sides import fetch_both

EVERY_KIND = (*KINDS, *CLUSTER_KINDS)
_OF_THE_SOURCE = {kind.name for kind in (*CLUSTER_KINDS, EXTENSIONS)}


@dataclass(frozen=True, slots=True)
class TakenSchema:
    """What the checks are asked about, and the whole snapshots by name, for the record."""

    evidence: SchemaEvidence
    derived: tuple[DeclaredDifference, ...]
    snapshots: Mapping[str, Snapshot]

    def save(self, folder: Path) -> None:
        """One file a snapshot, to be compared later."""
        for name, snapshot in self.snapshots.items():
            save(snapshot, folder / f"{name}.json")


def take_schema(
    source_dsn: str,
    target_dsn: str,
    manifest: Manifest,
    scripts: Path | None,
    scratch_dsn: str | None,
    say: Callable[[str], None],
) -> TakenSchema:
    """Both schemas and the expected one, and the differences that it explains.

    Why there is no expected one is kept, for the checks to say.
    """
    with open_side("source", source_dsn) as one, open_side("target", target_dsn) as other:
        source, target = fetch_both(
            lambda: take(one, EVERY_KIND), lambda: take(other, EVERY_KIND), (one, other)
        )
        compared = quoted(other, [table.target for table in manifest.tables])
    recipe = Recipe(
        source_dsn,
        target_dsn,
        manifest.target.server_version_num // 10_000,
        manifest.target.database,
        manifest.target.encoding,
        manifest.tables,
        scripts,
        scratch_dsn,
    )
    own = tuple(sorted({source.own_role, target.own_role}))
    kept = source.only(_OF_THE_SOURCE)
    snapshots = {"source": source, "target": target}
    try:
        expected = expected_schema(recipe, say)
    except PgCutoverError as error:
        say(str(error))
        evidence = SchemaEvidence(
            kept, target, trouble=str(error), own_roles=own, compared=compared
        )
        return TakenSchema(evidence, (), snapshots)
    evidence = SchemaEvidence(
        kept, target, expected.snapshot, expected.moved, own_roles=own, compared=compared
    )
    derived = tuple(derived_differences(manifest, expected.catalog))
    whole = whole_expectation(expected.snapshot, source, target)
    return TakenSchema(evidence, derived, snapshots | {"expected": whole})


def whole_expectation(made: Snapshot, source: Snapshot, target: Snapshot) -> Snapshot:
    """Return the expected schema with what no dump carries, as scripts or the source set it.

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
