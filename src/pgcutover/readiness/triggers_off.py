"""Settings of the target under which no foreign key is enforced and no trigger fires."""

from pgcutover.catalog import Manifest
from pgcutover.diff import Diff, finding


def triggers_diff(manifest: Manifest) -> Diff:
    """Find where session_replication_role is set for every session."""
    problems = [
        finding(
            "*",
            "triggers disabled",
            f"session_replication_role is set for {place} on the target, so no foreign key is "
            "enforced and no trigger fires in any new session; reset it",
        )
        for place in manifest.target_catalog.triggers_off
    ]
    return Diff("*", tuple(problems))
