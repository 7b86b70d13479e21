"""Mean times of queries on the new side, against those of the same text on the old one."""

from collections.abc import Iterator

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.errors import UnreadableError
from pgcutover.smoke.plans import find_statistics
from pgcutover.verdict import Finding

_LEAST_CALLS = 10
_LEAST_MS = 20.0  # a slower network or disk makes fast queries several times as slow
# mean_time before PostgreSQL 13; query ids differ between major versions, so texts are compared
_MEANS = """
select regexp_replace(s.query, '\\s+', ' ', 'g'), min(s.queryid)::text,
       sum(s.calls * coalesce(j ->> 'mean_exec_time', j ->> 'mean_time')::float8) / sum(s.calls)
from {}.pg_stat_statements s cross join lateral to_jsonb(s) j
join pg_database d on d.oid = s.dbid and d.datname = current_database()
where s.calls > 0 and s.query not like '<insufficient privilege>%%'
group by 1 having sum(s.calls) >= %s
"""


def slow_query_findings(
    old: Connection, new: Connection, factor: float, side: str
) -> tuple[list[Finding], int]:
    """Return the queries that have become much slower, and the number that was compared."""
    before = {text: mean for text, _, mean in _means(old)}
    common = [row for row in _means(new) if row[0] in before]
    if not common:
        raise UnreadableError(
            "pg_stat_statements has no query of both sides with enough calls; wait, or grant "
            "pg_read_all_stats to the roles that read"
        )
    return list(_slower(common, before, factor, side)), len(common)


def _slower(
    rows: list[tuple[str, str, float]], before: dict[str, float], factor: float, side: str
) -> Iterator[Finding]:
    for text, number, mean in rows:
        if mean > max(factor * before[text], _LEAST_MS):
            yield finding(
                f"queryid {number}",
                "query slower",
                f"queryid {number} takes {mean:.1f} ms on average on the {side}, "
                f"{before[text]:.1f} ms before, more than {factor:g} times as long; look at its "
                "plan there",
                mean_ms=round(mean, 1),
                before_ms=round(before[text], 1),
            )


def _means(connection: Connection) -> list[tuple[str, str, float]]:
    query = sql.SQL(_MEANS).format(find_statistics(connection))
    return connection.execute(query, [_LEAST_CALLS]).fetchall()
