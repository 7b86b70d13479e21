"""Representative queries, planned on both sides and never run.

Costs are the planner's estimates. Both sides plan with PostgreSQL's own cost settings, because
estimates with other settings cannot be compared. A query with parameters is planned without their
values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ConfigError, UnreadableError
from pgcutover.provision.sql_splitter import split_statements
from pgcutover.verdict import Finding

STATISTICS = "pg_stat_statements"
_MOST = 50
_LEAST_COST = 100.0  # below it, many times as much is still no time
_SETTINGS = {
    "seq_page_cost": "1", "random_page_cost": "4", "cpu_tuple_cost": "0.01",
    "cpu_index_tuple_cost": "0.005", "cpu_operator_cost": "0.0025", "effective_cache_size": "4GB",
    "parallel_setup_cost": "1000", "parallel_tuple_cost": "0.1", "jit": "off",
    "max_parallel_workers_per_gather": "0", "work_mem": "4MB",
    "plan_cache_mode": "force_generic_plan",
}  # fmt: skip
_PLANNED = ("select", "with", "insert", "update", "delete", "values", "table")
_NAME = sql.Identifier("pgcutover_query")
_PARAMETER = re.compile(r"\$(\d+)")
_EXTENSION = """
select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements'
"""
# total_time before PostgreSQL 13
_TOP = """
select s.queryid::text, s.query from {}.pg_stat_statements s
join pg_database d on d.oid = s.dbid and d.datname = current_database()
join pg_roles r on r.oid = s.userid and (r.rolname = %(role)s or not exists (
     select from pg_roles where rolname = %(role)s))
order by coalesce(to_jsonb(s) ->> 'total_exec_time', to_jsonb(s) ->> 'total_time')::float8 desc
limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and a name for reports that holds none of its text."""

    name: str
    text: str


def read_queries(path: Path) -> tuple[Query, ...]:
    """Return the queries of a file, named by their lines."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cutover.smoke.queries: {path.name} cannot be read") from error
    statements = split_statements(text, path.name)
    if not statements:
        raise ConfigError(f"cutover.smoke.queries: {path.name} has no statement")
    return tuple(Query(f"{path.name}:{each.line}", each.text) for each in statements)


def find_statistics(connection: Connection) -> sql.Identifier:
    """Return the schema of pg_stat_statements; UnreadableError where a database lacks it."""
    row = connection.execute(_EXTENSION).fetchone()
    if row is None:
        raise UnreadableError(
            f"the extension {STATISTICS} is not in the database; create it on both sides, or "
            "change the key of migration.toml that needs it: cutover.smoke.queries or "
            "after.slow_query_factor"
        )
    return sql.Identifier(str(row[0]))


def top_queries(connection: Connection, role: str) -> tuple[Query, ...]:
    """Return the queries that a role spent most time on; of all roles, where it is not known."""
    query = sql.SQL(_TOP).format(find_statistics(connection))
    rows = connection.execute(query, {"role": role, "most": _MOST}).fetchall()
    return tuple(
        Query(f"queryid {number}", text)
        for number, text in rows
        if text.split(None, 1)[0].lower() in _PLANNED
    )


def plan_costs(
    connection: Connection, queries: Sequence[Query]
) -> Mapping[str, float | psycopg.Error]:
    """Return the cost of each query's plan, or the error; within a transaction of the caller."""
    for name, value in _SETTINGS.items():
        connection.execute("select pg_catalog.set_config(%s, %s, true)", [name, value])
    return {query.name: _cost(connection, query.text) for query in queries}


def plan_findings(
    old: Mapping[str, float | psycopg.Error],
    new: Mapping[str, float | psycopg.Error],
    factor: float,
    side: str,
) -> Iterator[Finding]:
    """Yield the queries that fail on the new side, or cost more than `factor` times as much."""
    for name, cost in new.items():
        before = old[name]
        if isinstance(cost, psycopg.Error):
            # a text of the statistics may lack the type of a parameter, on both sides
            if isinstance(before, float) or name.split()[0] != "queryid":
                message = f"{name} cannot be planned on the {side}: {describe_error(cost)}"
                yield finding(name, "query fails", message)
        elif isinstance(before, float) and cost > max(factor * before, _LEAST_COST):
            yield finding(
                name,
                "plan much worse",
                f"{name}: the plan on the {side} costs {cost:.0f}, the one of before "
                f"{before:.0f}, more than {factor:g} times as much; run analyze on the {side}, or "
                "look for a missing index",
                cost=round(cost),
                before=round(before),
            )


def _cost(connection: Connection, text: str) -> float | psycopg.Error:
    """Return the total cost of the plan; a prepared statement outlives an error, so it is freed."""
    count = max((int(n) for n in _PARAMETER.findall(text)), default=0)
    explain = sql.SQL("explain (format json) ")
    try:
        with connection.transaction():
            if not count:
                return _total(connection, explain + sql.SQL(text))
            connection.execute(sql.SQL("prepare {} as ").format(_NAME) + sql.SQL(text))
            try:
                with connection.transaction():
                    nulls = sql.SQL(", ").join([sql.NULL] * count)
                    return _total(
                        connection, explain + sql.SQL("execute {}({})").format(_NAME, nulls)
                    )
            finally:
                connection.execute(sql.SQL("deallocate {}").format(_NAME))
    except psycopg.Error as error:
        return error


def _total(connection: Connection, statement: sql.Composed) -> float:
    row = connection.execute(statement).fetchone()
    if row is None:
        return 0.0
    plan = row[0][0]["Plan"]
    return float(plan["Total Cost"]) - _pruned_cost(plan)


def _pruned_cost(plan: Mapping[str, Any]) -> float:
    """Return the cost of partitions that are left out as the query starts, as for `at > now()`.

    A plan that leaves out all of them did so for a parameter without a value, and keeps its cost.
    """
    parts = plan.get("Plans", ())
    below = sum(map(_pruned_cost, parts))
    if not plan.get("Subplans Removed") or not parts:
        return below
    kept = sum(float(part["Total Cost"]) for part in parts)
    return below + max(0.0, float(plan["Total Cost"]) - kept)
