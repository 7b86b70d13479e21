"""Control tables of DMS on the target: changes not applied, tables suspended, rows that differ."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable
from pgcutover.movers.dms.checks import MoverDiff, judge_exceptions

CONTROL_TABLES = (
    "awsdms_apply_exceptions",
    "awsdms_suspended_tables",
    "awsdms_validation_failures_v1",
    "awsdms_validation_failures_v2",
)
# The schema is a task setting (ControlSchema), and DMS versions differ in the case of the columns.
_PLACES = """
select n.nspname, c.relname, o.attname, t.attname
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute o
    on o.attrelid = c.oid and o.attnum > 0 and lower(o.attname) = 'table_owner'
left join pg_catalog.pg_attribute t
    on t.attrelid = c.oid and t.attnum > 0 and lower(t.attname) = 'table_name'
where c.relkind in ('r', 'p') and lower(c.relname) = any(%s)
order by n.nspname, c.relname
"""


class ControlTables:
    """The control tables of any task; they need no access to AWS."""

    def judge(self, target: "psycopg.Connection[Any]", tables: Iterable[MappedTable]) -> MoverDiff:
        """Report every row in them; `tables` gives the tables' names on the target."""
        return judge_exceptions(count_exceptions(target), tables)


def count_exceptions(target: "psycopg.Connection[Any]") -> Counter[tuple[str, str]]:
    """Count the rows by control table and the table that they name; absent tables have none.

    Statements, keys and details are never read: they hold row values.
    """
    counts: Counter[tuple[str, str]] = Counter()
    try:
        for about, rows in _count(target):
            counts[about] += rows
    except psycopg.Error as error:
        raise UnreadableError(
            f"the control tables of DMS on the target cannot be read: {describe_error(error)}; "
            "grant select on awsdms_* to the role of the target's DSN"
        ) from error
    return counts


def _count(target: "psycopg.Connection[Any]") -> Iterator[tuple[tuple[str, str], int]]:
    for schema, control, owner, table in target.execute(_PLACES, [list(CONTROL_TABLES)]).fetchall():
        if owner is None or table is None:
            raise UnreadableError(
                f"{schema}.{control}: expected columns table_owner and table_name as DMS makes "
                "them; another object has taken the name, rename it"
            )
        statement = sql.SQL("select {}::text, {}::text, count(*) from {} group by 1, 2").format(
            sql.Identifier(owner), sql.Identifier(table), sql.Identifier(schema, control)
        )
        for about_schema, about_table, rows in target.execute(statement).fetchall():
            yield (control.lower(), f"{about_schema}.{about_table}"), rows
