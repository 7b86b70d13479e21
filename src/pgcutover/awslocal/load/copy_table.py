"""Full load of one table: streams COPY from the source's snapshot into COPY on the target."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgcutover.awslocal.load.copy_format import LineFilter
from pgcutover.awslocal.mapping.table_plan import TablePlan, listed, quoted
from pgcutover.awslocal.task.control_tables import ControlTables
from pgcutover.awslocal.task.endpoint_connection import Connection
from pgcutover.awslocal.task.errors import TableFailed
from pgcutover.awslocal.task.slots import Snapshot

_REPORT_EVERY = 2000

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of a table's load."""

    rows: int
    cut: dict[str, int]


def load_table(
    source: Connection,
    target: Connection,
    plan: TablePlan,
    control: ControlTables,
    snapshot: Snapshot,
    report: Report,
) -> LoadResult:
    """Load a table and record the position of its first change, in one transaction."""
    lines = plan.line_filter()
    with target.transaction():
        rows = _copy(source, target, plan, lines, report)
        control.save_table(target, plan.name, snapshot.lsn)
    cut = {
        column.source: count
        for column, count in zip(plan.columns, lines.changed, strict=True)
        if count and column.lob
    }
    return LoadResult(rows, cut)


def _copy(
    source: Connection, target: Connection, plan: TablePlan, lines: LineFilter, report: Report
) -> int:
    read = sql.SQL("copy (select {} from only {}) to stdout").format(
        listed(c.source for c in plan.columns), quoted(plan.name)
    )
    write = sql.SQL("copy {} ({}) from stdin").format(
        quoted(plan.target), listed(c.target for c in plan.columns)
    )
    rows = 0
    with source.cursor() as reader, target.cursor() as writer:
        with reader.copy(read) as outgoing, writer.copy(write) as incoming:
            # one CopyData message is one row (PostgreSQL 17, 53.7 "Message Formats")
            for line in outgoing:
                incoming.write(lines.pass_on(bytes(line)))
                rows += 1
                if rows % _REPORT_EVERY == 0:
                    report(rows)
        if writer.rowcount != rows:
            raise TableFailed(f"{rows} rows were read but {writer.rowcount} were written")
    return rows


def begin_in_snapshot(connection: Connection, snapshot: Snapshot) -> None:
    """Begin a read-only transaction in the snapshot."""
    connection.execute("begin isolation level repeatable read read only")
    connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot.name)))


def export_snapshot(connection: Connection) -> Snapshot:
    """Export a snapshot held by this connection's transaction, for tasks that only load."""
    connection.execute("begin isolation level repeatable read read only")
    row = connection.execute("select pg_export_snapshot()").fetchone()
    return Snapshot(str(row[0]) if row else "", 0)


def disable_triggers(connection: Connection) -> bool:
    """Disable triggers and foreign keys in this session; return False without the right to."""
    try:
        connection.execute("set session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True
