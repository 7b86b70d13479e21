"""Opens a relay for the migration that migration.toml describes."""

from collections.abc import Mapping, Sequence
from contextlib import closing

from pgcutover.catalog.manifest import mapped_tables
from pgcutover.connect import Connection
from pgcutover.errors import ServerError
from pgcutover.mapping import MappedTable, MappingRules, RelationName
from pgcutover.outbox.install import read_installed, refuse_another_migration
from pgcutover.outbox.model import SourceTable
from pgcutover.outbox.relay import Relay
from pgcutover.outbox.routes import plan_routes
from pgcutover.outbox.source import SourceSide, open_relay
from pgcutover.outbox.tables import CapturePlan, plan_capture, read_numbers
from pgcutover.outbox.target import TargetSide
from pgcutover.sides import Sides


def open_outbox_relay(
    migration: str, rules: MappingRules, dsns: Sides[str], batch_keys: int
) -> Relay:
    """Open both connections; ServerError where the outbox or a table is not as expected.

    psycopg.Error where a server cannot be reached.
    """
    with closing(open_relay(dsns.source)) as source, source.transaction():
        mapped, plan = read_captured(source, migration, rules)
    target = TargetSide(dsns.target, migration)
    try:
        with target.connection.transaction():
            routes = plan_routes(target.connection, plan.tables, mapped)
        target.refuse_tables([route.target for route in routes])
        columns = {r.table.number: [c.source for c in r.columns] for r in routes}
        side = SourceSide(dsns.source, {t.number: t for t in plan.tables}, columns)
    except BaseException:
        target.connection.close()
        raise
    return Relay(side, target, routes, batch_keys)


def read_captured(
    source: Connection, migration: str, rules: MappingRules
) -> tuple[Sequence[MappedTable], CapturePlan]:
    """Return the mapped tables and those that are captured; ServerError where they do not agree."""
    installed = read_installed(source)
    if installed.migration is None:
        raise ServerError('source: it has no outbox; run "pgcutover outbox install --yes"')
    refuse_another_migration(installed.migration, migration)
    mapped, numbers = mapped_tables(rules, source), read_numbers(source)
    plan = plan_capture(source, mapped, numbers=numbers)
    if unknown := sorted(t.name for t in plan.tables if t.name not in numbers):
        raise ServerError(
            f"source: {unknown[0]} is mapped but not captured; run "
            '"pgcutover outbox install --yes", and load the table after it'
        )
    _refuse_unmapped(numbers, plan.tables)
    return mapped, plan


def _refuse_unmapped(numbers: Mapping[RelationName, int], tables: Sequence[SourceTable]) -> None:
    if left := sorted({*numbers} - {table.name for table in tables}):
        raise ServerError(
            f"source: {left[0]} is captured, but the mapping rules do not select it or its key; "
            'correct the rules, or run "pgcutover outbox uninstall" and install again'
        )
