"""Query and cursor for Great Expectations: only the suite's columns, and never their rows."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.connect import Connection, PinnedCursor
from pgcutover.error_texts.database_errors import explain_error, quote_name
from pgcutover.errors import UnreadableError
from pgcutover.gx.suite import Suite
from pgcutover.mapping import RelationName

Connect = Callable[[], Connection]

# types that the driver can compare with a suite's numbers, dates and texts; all others (enum,
# uuid, jsonb, ranges, arrays, intervals) are read as text
_COLUMNS = """
select a.attname::text,
       t.typcategory in ('B', 'D', 'N', 'S') or t.oid = 'bytea'::regtype,
       has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select')
from pg_attribute a
join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
"""

# the form in which 1.5 wraps a query, unlike 1.24; any other form fails for its number of rows
_BEFORE, _AFTER = r"(select \* from \( ?)?", r"( ?\) as \w+( where true)?)?"


def projection(connection: Connection, table: RelationName, suite: Suite) -> str:
    """Return a select of the suite's columns; UnreadableError if one is missing or not readable."""
    rows = connection.execute(_COLUMNS, [table.schema, table.name]).fetchall()
    if not rows:
        raise UnreadableError(
            f"{table} has expectations, but the target has no such table; look at the schema "
            "checks first"
        )
    plain = {name: plain for name, plain, _ in rows}
    _refuse_missing(suite, table, set(suite.columns) - plain.keys())
    hidden = {name for name, _, readable in rows if not readable} & set(suite.columns)
    if hidden:
        role = quote_name(connection.info.user)
        raise UnreadableError(
            f"{table}: role {role} may not read it ({_list(hidden)}) on the target; run there: "
            f"grant usage on schema {quote_name(table.schema)} to {role}; "
            f"grant select on {quote_name(table.schema, table.name)} to {role};"
        )
    columns = [_column(name, plain[name]) for name in suite.columns]
    query = _select(table, columns or [sql.SQL("1 as one")]).as_string(connection)
    if "%" in query:  # SQLAlchemy doubles it once too often in a textual query
        raise UnreadableError(f"{table} cannot be judged: a name with % in it cannot be asked for")
    return query


def _refuse_missing(suite: Suite, table: RelationName, missing: set[str]) -> None:
    if missing:
        raise UnreadableError(
            f"{suite.table}.json looks at {_list(missing)}, which {table} does not have on the "
            "target; correct the suite or look at the schema checks"
        )


def _column(name: str, plain: bool) -> sql.Composable:
    if plain:
        return sql.Identifier(name)
    return sql.SQL("cast({0} as text) as {0}").format(sql.Identifier(name))


def _select(table: RelationName, columns: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(columns), sql.Identifier(table.schema, table.name)
    )


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))


def guarded_cursor(query: str, troubles: list[str]) -> type[psycopg.Cursor[Any]]:
    """Return a cursor class that returns no row of `query`, and records PostgreSQL's errors.

    To learn the column names, Great Expectations runs the query of an asset and would fetch the
    whole table; it gets the names and no row. All of its other statements return one row.
    """
    whole_table = _whole_table(query)

    class Guarded(PinnedCursor[Any]):
        def execute(self, *arguments: Any, **named: Any) -> "Guarded":
            statement, *parameters = arguments
            if whole_table.fullmatch(_even(str(statement))):
                statement = f"{statement} limit 0"
            try:
                super().execute(statement, *parameters, **named)
            except psycopg.Error as error:
                troubles.append(explain_error(error))
                raise
            if self.rowcount > 1:
                self.close()
                troubles.append("a statement brought rows, where one number was expected")
                raise UnreadableError(troubles[-1])
            return self

    return Guarded


def _whole_table(query: str) -> re.Pattern[str]:
    return re.compile(_BEFORE + re.escape(_even(query)) + _AFTER)


def _even(statement: str) -> str:
    return " ".join(statement.split()).lower()
