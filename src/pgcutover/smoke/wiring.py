"""Makes the smoke checker of a run."""

from functools import partial

from pgcutover.config import Settings
from pgcutover.connect import open_watch
from pgcutover.context import RunContext
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.wiring import make_pointers
from pgcutover.mapping import RelationName
from pgcutover.smoke.checker import SmokeChecker
from pgcutover.smoke.client import ClientPlace
from pgcutover.smoke.plans import STATISTICS, Query, read_queries

CHECK_LOCK = "check-hook.lock"
"""Lock file of hooks that checks run: a cutover must not take one for a hook that outlived it."""


def make_checker(context: RunContext) -> SmokeChecker:
    """Return the checker of this run; nothing is opened yet."""
    settings, manifest = context.settings, context.manifest
    wanted = settings.cutover.smoke
    hook = settings.cutover.hooks.errors
    runner = HookRunner(settings.name, settings.path.parent, lock=CHECK_LOCK)
    return SmokeChecker(
        {
            Side.SOURCE: partial(open_watch, context.source_dsn),
            Side.TARGET: partial(open_watch, context.target_dsn),
        },
        {Side.SOURCE: manifest.source, Side.TARGET: manifest.target},
        manifest.tables,
        RelationName(*settings.schema.marker_table.split(".", 1)),
        [ClientPlace(p.name, p.client_dsn) for p in make_pointers(settings)],
        _queries(settings),
        wanted.plan_factor,
        partial(runner.run, "errors", hook) if hook else None,
    )


def _queries(settings: Settings) -> tuple[Query, ...] | None:
    """Return the queries of the named file; None where pg_stat_statements has them."""
    name = settings.cutover.smoke.queries
    if name == STATISTICS:
        return None
    return read_queries(settings.path.parent / name) if name else ()
