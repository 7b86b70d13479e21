"""Everything the schema stage needs of both sides, taken once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from pgcutover.schema.snapshot import own_role, quoted, take
from pgcutover.schema.snapshot_file import save
from pgcutover.schema.stage import SchemaEvidence
from pgcutover.sides import both

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
        source, target = both(
            lambda: take(one, EVERY_KIND), lambda: take(other, EVERY_KIND), (one, other)
        )
        roles = {own_role(one), own_role(other)}
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
    own, kept = tuple(sorted(roles)), source.only(_OF_THE_SOURCE)
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
    return TakenSchema(evidence, derived, snapshots | {"expected": expected.snapshot})
