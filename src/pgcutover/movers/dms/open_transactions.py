"""Transactions of the source whose changes a load can miss."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from pgcutover.verdict import Finding

# xact_start of other roles is NULL without pg_read_all_stats
_TRANSACTIONS = """
select 'prepared transaction', p.gid, p.prepared, clock_timestamp()
from pg_catalog.pg_prepared_xacts p where p.database = current_database()
union all
select 'transaction of backend', a.pid::text, a.xact_start, clock_timestamp()
from pg_catalog.pg_stat_activity a
where a.datname = current_database() and a.backend_xid is not null and a.xact_start is not null
  and a.pid <> pg_backend_pid()
order by 3
"""


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has written, or is prepared, and has not ended at `now`."""

    kind: str
    name: str
    since: datetime
    now: datetime

    @property
    def is_prepared(self) -> bool:
        """True for a two-phase commit that waits for its second phase."""
        return self.kind.startswith("prepared")


def read_open_transactions(source: "psycopg.Connection[Any]") -> tuple[OpenTransaction, ...]:
    """Return the open transactions of the source's database, the oldest first."""
    # pg_stat_activity is read once a transaction, and this one may be old
    source.execute("select pg_catalog.pg_stat_clear_snapshot()")
    return tuple(OpenTransaction(*row) for row in source.execute(_TRANSACTIONS).fetchall())


def judge_open_transactions(
    task: str,
    transactions: Iterable[OpenTransaction],
    load_started: datetime | None,
    timeout_seconds: float,
) -> Iterator[Finding]:
    """Yield the transactions whose changes the load, or change capture, can miss.

    A load waits `timeout_seconds` for the transactions that are open when it starts, and then
    starts without their changes.
    """
    for each in transactions:
        name = f"{each.kind} {each.name}"
        if each.is_prepared:
            yield Finding(
                task,
                "prepared-transaction",
                f"{name} on the source is open since {each.since:%Y-%m-%d %H:%M:%S%z}: DMS does "
                "not capture two-phase commits; commit or roll it back, and compare again",
            )
        elif load_started is not None and each.since < load_started:
            yield Finding(
                task,
                "open-transaction",
                f"{name} on the source is open since {each.since:%Y-%m-%d %H:%M:%S%z}, before "
                f"the load started at {load_started:%Y-%m-%d %H:%M:%S%z}: neither the load nor "
                "change capture need contain its changes; end it and load its tables again",
            )
        elif load_started is None and each.now - each.since > timedelta(seconds=timeout_seconds):
            yield Finding(
                task,
                "open-transaction",
                f"{name} on the source is open since {each.since:%Y-%m-%d %H:%M:%S%z}, longer than "
                f"FullLoadSettings.TransactionConsistencyTimeout ({timeout_seconds:g} s): the load "
                "will start without its changes; end it before the task starts",
            )
