"""Conditions under which a freeze may begin; each one that is not met is a finding.

A freeze is refused rather than begun where it would fail, last longer than the budget, or cost
clients errors. A condition that cannot be decided is not met.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from pgcutover.config import FreezeSettings
from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.freeze.conditions.role_conditions import lacking_rights, short_timeouts, wrong_roles
from pgcutover.freeze.conditions.server_conditions import (
    busy_tables,
    few_locks,
    old_writers,
    piling_connections,
    short_deadlock_timeout,
)
from pgcutover.freeze.fence import find_fenced
from pgcutover.freeze.relations import LockedRelation
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

_READ_ONLY = """
select pg_is_in_recovery() or exists (
    select from pg_settings where name = 'default_transaction_read_only' and reset_val = 'on')
"""


@dataclass(frozen=True, slots=True)
class StartFacts:
    """Measurements of other parts; None where there is none, which refuses the freeze.

    `lag_seconds` is the mover's; `open_set_seconds` the forecast for comparing the open keys.
    """

    lag_seconds: float | None
    open_set_seconds: float | None
    verifier_role: str


def start_conditions(
    source: Connection,
    relations: Sequence[LockedRelation],
    settings: FreezeSettings,
    facts: StartFacts,
) -> tuple[Finding, ...]:
    """Return a finding for each condition that is not met; `source` is the locking role's."""
    conditions: Sequence[Callable[[], Iterable[Finding]]] = (
        lambda: _measurements(settings, facts),
        lambda: _closed(source),
        lambda: _foreign(relations),
        lambda: wrong_roles(source, facts.verifier_role),
        lambda: lacking_rights(source, relations),
        lambda: old_writers(source, relations, settings.budget_seconds),
        lambda: busy_tables(source, relations),
        lambda: short_deadlock_timeout(source, settings.lock_timeout_seconds),
        lambda: few_locks(source, relations),
        lambda: short_timeouts(source, relations, settings),
        lambda: piling_connections(source, relations, settings),
    )
    return tuple(found for condition in conditions for found in _decide(source, condition))


def _decide(source: Connection, condition: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        with source.transaction():
            found = tuple(condition())
    except (psycopg.Error, UnreadableError) as error:
        words = describe_error(error) if isinstance(error, psycopg.Error) else str(error)
        yield finding("*", "condition undecided", f"a start condition is not known: {words}")
    else:
        yield from found


def _measurements(settings: FreezeSettings, facts: StartFacts) -> Iterator[Finding]:
    lag, limit = facts.lag_seconds, settings.max_lag_seconds
    if lag is None:
        yield finding("*", "mover lag", "the mover's lag is not known; expected a running mover")
    elif lag >= limit:
        yield finding(
            "*",
            "mover lag",
            f"the mover lags by {lag:g} s; expected less than {limit:g} s (freeze.max_lag_seconds)",
        )
    forecast, budget = facts.open_set_seconds, settings.budget_seconds
    if forecast is None:
        yield finding(
            "*",
            "open set",
            "the time to compare the open keys is not known; run pgcutover ledger status",
        )
    elif forecast >= budget:
        yield finding(
            "*",
            "open set",
            f"comparing rows in the freeze takes {forecast:.1f} s; expected less than {budget:g} s "
            "(freeze.budget_seconds); let the change ledger settle, or set one up",
        )


def _closed(source: Connection) -> Iterator[Finding]:
    row = source.execute(_READ_ONLY).fetchone()
    if row is None or row[0]:
        yield finding(
            "*",
            "source read only",
            "the source is read only already; expected one that accepts writes until the freeze",
        )
    if fenced := find_fenced(source):
        yield finding(
            str(fenced[0]),
            "write fence",
            f"{count_noun(len(fenced), 'table')} of the source, such as {fenced[0]}, "
            f"{'has' if len(fenced) == 1 else 'have'} a write fence; run pgcutover unfreeze",
        )


def _foreign(relations: Iterable[LockedRelation]) -> Iterator[Finding]:
    for relation in relations:
        if relation.kind == "f":
            yield finding(
                str(relation.name),
                "foreign table",
                f"{relation.name} is a foreign table: no lock here stops its writers; exclude it "
                "from the table mappings",
            )
