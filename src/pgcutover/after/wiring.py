"""Makes the checker of the stage after."""

import os
from collections.abc import Sequence
from functools import partial

from psycopg.conninfo import conninfo_to_dict

from pgcutover.after.checker import AfterChecker
from pgcutover.after.cloudwatch import CloudWatch
from pgcutover.config import Settings
from pgcutover.config.dsn import read_dsn
from pgcutover.connect import open_side
from pgcutover.context import AwsAccess, RunContext
from pgcutover.cutover.history import read_history
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.journal import journal_path, read_entries
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.wiring import make_pointers
from pgcutover.smoke.client import ClientPlace
from pgcutover.smoke.wiring import CHECK_LOCK

_AWS_SECONDS = 10.0


def make_checker(context: RunContext) -> AfterChecker:
    """Return the checker of this run, by the journal of today; nothing is opened yet."""
    settings = context.settings
    entries = read_entries(journal_path(settings.path))
    history = read_history(entries, dual_write=settings.cutover.dual_write)
    dsns = {Side.SOURCE: context.source_dsn, Side.TARGET: context.target_dsn}
    hook = settings.cutover.hooks.errors
    runner = HookRunner(settings.name, settings.path.parent, lock=CHECK_LOCK)
    places = [ClientPlace(p.name, p.client_dsn) for p in make_pointers(settings)]
    return AfterChecker(
        settings,
        history.state,
        {side: partial(open_side, side.value, dsn) for side, dsn in dsns.items()},
        context.manifest.tables,
        places,
        partial(_client_roles, settings, [*dsns.values()], places),
        partial(runner.run, "errors", hook) if hook else None,
        _cloudwatch(settings),
    )


def _client_roles(
    settings: Settings, readers: Sequence[str], places: Sequence[ClientPlace]
) -> Sequence[str]:
    """Return the roles of clients: as named, else those of the DSNs that they get."""
    if settings.freeze.application_roles:
        return settings.freeze.application_roles
    freeze = settings.freeze
    owners = [read_dsn(name) for name in (freeze.dsn_env, freeze.target_dsn_env) if name]
    own = {_user(dsn) for dsn in (*readers, *owners) if dsn}
    return sorted({_user(place.read_dsn()) for place in places} - own - {""})


def _user(dsn: str) -> str:
    return str(conninfo_to_dict(dsn).get("user") or "")


def _cloudwatch(settings: Settings) -> CloudWatch | None:
    after = settings.after
    if not (after.log_group or after.rds_instance):
        return None
    from pgcutover.movers.dms.client import Api

    access = AwsAccess(os.environ.get("PGCUTOVER_AWS_ENDPOINT_URL"))
    return CloudWatch(Api(after.region, access, answer_seconds=_AWS_SECONDS, attempts=3), after)
