"""The objects for which `pgcutover schema fix` prints SQL."""

from pathlib import Path

from pgcutover.errors import PgCutoverError
from pgcutover.schema.compare import Difference, differences
from pgcutover.schema.evidence_file import load_evidence
from pgcutover.schema.fix.script import FixScript
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.snapshot_file import load
from pgcutover.schema.stage import SchemaStage


def list_fixable(expected: Path, target: Path) -> frozenset[str]:
    """Return the names of these objects; none if the snapshots cannot be compared."""
    try:
        one = load(expected)
        if evidence := load_evidence(expected, target):
            found, _ = SchemaStage(evidence).everything()
        else:
            found = _compare(one, load(target))
        plan = FixScript(one).plan(found)
    except PgCutoverError:
        return frozenset()
    return frozenset(d.object.name for d, statement in plan if not statement.startswith("--"))


def _compare(one: Snapshot, other: Snapshot) -> list[Difference]:
    common = [kind for kind in one.kinds if kind in other.kinds]
    return [each for kind in common for each in differences(one, other, [kind])]
