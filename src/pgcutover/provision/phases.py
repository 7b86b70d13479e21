"""The two halves of provisioning a target's schema: before the load, and after it."""

from pathlib import Path

from pgcutover.provision.applied_steps import Applied
from pgcutover.provision.execute import Connection, Progress
from pgcutover.provision.scripts import apply, plan
from pgcutover.provision.secondary_objects import defer, restore
from pgcutover.provision.source_schema import apply_section, extract

PRE_LOAD, POST_LOAD = "pre-load", "post-load"


def prepare_target(
    conn: Connection, *, source_dsn: str, scripts: Path, evidence: Path, progress: Progress
) -> list[Applied]:
    """Makes the target ready for the load, and returns what this call applied.

    The source's schema as it is, the pre-load scripts, then secondary objects aside. Run again, it
    finds everything done. `conn` is to the target and in autocommit mode; the source is only read.
    """
    plan(conn, scripts, PRE_LOAD)  # a bad folder is told before anything is written
    done = [apply_section(conn, s, progress) for s in extract(source_dsn, evidence, progress)]
    done += apply(conn, scripts, PRE_LOAD, progress)
    done += [defer(conn, progress)]
    return [step for step in done if step]


def finish_target(conn: Connection, *, scripts: Path, progress: Progress) -> list[Applied]:
    """Completes the loaded target: secondary objects back, then the post-load scripts."""
    plan(conn, scripts, POST_LOAD)
    done = [restore(conn, progress), *apply(conn, scripts, POST_LOAD, progress)]
    return [step for step in done if step]
