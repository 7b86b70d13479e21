"""The state of the outbox: entries, their age, parked keys, and captures that are incomplete."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgcutover.config import Outbox
from pgcutover.connect import Connection
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.outbox.install import read_installed
from pgcutover.outbox.tables import find_moved_members, plan_capture, read_numbers
from pgcutover.schema.explained.own_triggers import CAPTURE, CAPTURE_TRUNCATE
from pgcutover.text.words import count_noun

_ENTRIES = """
select count(*), coalesce(extract(epoch from clock_timestamp() - min(at)), 0)::float8
  from pgcutover.outbox
"""
_BY_TABLE = """
select r.schema, r.name, count(*) from pgcutover.outbox o
  join pgcutover.outbox_relation r on r.number = o.relation group by 1, 2 order by 1, 2
"""
_PARKED = """
select r.schema, r.name, p.reason, count(*) from pgcutover.outbox_parked p
  join pgcutover.outbox_relation r on r.number = p.relation group by 1, 2, 3 order by 1, 2, 3
"""
_DEAD = """
select coalesce(pg_stat_get_dead_tuples('pgcutover.outbox'::regclass), 0),
       pg_total_relation_size('pgcutover.outbox')
"""
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """The state of the outbox, without a key or another value of a row."""

    migration: str | None
    entries: int = 0
    oldest_seconds: float = 0.0
    by_table: Mapping[str, int] = field(default_factory=dict)
    parked: Sequence[tuple[str, str, int]] = ()
    incomplete: Sequence[tuple[str, str]] = ()
    dead_entries: int = 0
    size_mb: float = 0.0

    def faults(self, limits: Outbox) -> Iterator[tuple[str, str, str]]:
        """Yield object, kind and sentence of each reason why the target may lack rows for long."""
        if self.migration is None:
            command = "pgcutover outbox install --yes"
            yield "*", "no outbox", f'the source has no outbox; run "{command}"'
        for table, reason, count in self.parked:
            yield (
                table,
                "parked keys",
                f"{table}: the target refused {count_noun(count, 'key')}: {reason}; correct the "
                'cause, then run "pgcutover outbox replay --parked"',
            )
        for table, message in self.incomplete:
            yield table, "capture incomplete", message
        if self.entries > limits.max_entries:
            yield (
                "*",
                "outbox too long",
                f"the outbox has {count_noun(self.entries, 'entry', 'entries')}, expected at most "
                f'{limits.max_entries:,}; check that "pgcutover outbox run" runs, or start another',
            )
        if self.oldest_seconds > limits.max_age_seconds:
            yield (
                "*",
                "outbox too old",
                f"the oldest entry is {self.oldest_seconds:.0f} s old, expected at most "
                f'{limits.max_age_seconds:g} s; check that "pgcutover outbox run" runs',
            )


def read_status(connection: Connection, mapped: Sequence[MappedTable]) -> OutboxStatus:
    """Return the state in the transaction of the connection."""
    found = read_installed(connection)
    if found.migration is None:
        return OutboxStatus(None)

    def rows(query: str) -> list[Any]:
        return connection.execute(query.encode()).fetchall()

    (entries, oldest), (dead, size) = rows(_ENTRIES)[0], rows(_DEAD)[0]
    return OutboxStatus(
        found.migration,
        entries,
        oldest if entries else 0.0,
        {f"{schema}.{name}": count for schema, name, count in rows(_BY_TABLE)},
        [(f"{schema}.{name}", reason, count) for schema, name, reason, count in rows(_PARKED)],
        [*_incomplete(connection, mapped, {*found.triggers}, {*found.disabled})],
        dead,
        size / _MB,
    )


def _incomplete(
    connection: Connection,
    mapped: Sequence[MappedTable],
    present: set[tuple[RelationName, str]],
    disabled: set[tuple[RelationName, str]],
) -> Iterator[tuple[str, str]]:
    """Yield the tables whose changes may be missing from the outbox, each with the reason."""
    numbers = read_numbers(connection)
    plan = plan_capture(connection, mapped, numbers=numbers)
    for table in plan.tables:
        wanted = {(table.name, CAPTURE), *((m, CAPTURE_TRUNCATE) for m in table.members)}
        if table.name not in numbers or wanted - present:
            on, trigger = min(wanted - present, default=(table.name, CAPTURE))
            yield (
                str(table.name),
                f'{on} lacks trigger {trigger}; run "pgcutover outbox install --yes", then '
                f'"pgcutover outbox replay --table {table.name}"',
            )
        elif moved := find_moved_members(connection, table):
            yield (
                str(table.name),
                f"{table.name}: partition {min(moved)} was dropped, detached or attached since the "
                'outbox was installed; run "pgcutover outbox install --yes", then '
                f'"pgcutover outbox replay --table {table.name}"',
            )
    for on, trigger in sorted(disabled):
        yield (
            str(on),
            f"trigger {trigger} of {on} does not always fire; run: alter table ... enable always "
            f'trigger {trigger}, then "pgcutover outbox replay --all"',
        )
