"""The objects for which `pgcutover schema fix` prints SQL."""

from pathlib import Path

from pgcutover.errors import PgCutoverError
from pgcutover.schema.compare import Difference, differences
from pgcutover.schema.fix.script import FixScript
from pgcutover.schema.snapshot_file import load


def list_fixable(expected: Path, target: Path) -> frozenset[str]:
    """Return the names of these objects; none if the snapshots cannot be compared."""
    found: list[Difference] = []
    try:
        one, other = load(expected), load(target)
        for kind in one.kinds:
            if kind in other.kinds:
                found += differences(one, other, [kind])
        plan = FixScript(one).plan(found)
    except PgCutoverError:
        return frozenset()
    return frozenset(d.object.name for d, statement in plan if not statement.startswith("--"))
