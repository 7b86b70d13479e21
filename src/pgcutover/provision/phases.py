"""Provisions a target's schema in two phases: before the load, and after it."""

from pathlib import Path

from pgcutover.connect import Connection
from pgcutover.provision.applied_steps import Applied
from pgcutover.provision.execute import Progress
from pgcutover.provision.scripts import apply, plan
from pgcutover.provision.secondary_objects import drop_for_load, recreate
from pgcutover.provision.source_schema import apply_section, extract

PRE_LOAD, POST_LOAD = "pre-load", "post-load"


def prepare_target(
    conn: Connection, *, source_dsn: str, scripts: Path, evidence: Path, progress: Progress
) -> list[Applied]:
    """Prepare the target for the load; return the steps that this call applied.

    Create the source's schema, run the pre-load scripts, drop secondary objects. A second run finds
    everything done. `conn` is to the target and in autocommit mode; the source is only read.
    """
    plan(conn, scripts, PRE_LOAD)  # raises for an invalid folder before anything is written
    done = [apply_section(conn, s, progress) for s in extract(source_dsn, evidence, progress)]
    done += apply(conn, scripts, PRE_LOAD, progress)
    done += [drop_for_load(conn, progress)]
    return [step for step in done if step]


def finish_target(conn: Connection, *, scripts: Path, progress: Progress) -> list[Applied]:
    """Complete the loaded target: recreate secondary objects, then run the post-load scripts."""
    plan(conn, scripts, POST_LOAD)
    done = [recreate(conn, progress), *apply(conn, scripts, POST_LOAD, progress)]
    return [step for step in done if step]
