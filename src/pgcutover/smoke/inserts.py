"""Inserts as clients make them, tried without a write: planned, with every default evaluated.

The side refuses writes until it is opened, and its fence has no exception: a setting or a token
that lets one session pass could let a client pass too, and would have to be kept over a crash.
EXPLAIN checks the privileges of an INSERT and does not execute it, so it is allowed in a read-only
transaction. nextval() is not, and so the sequences' privileges are looked up instead; their
positions are checked by the final gate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.mapping import RelationName
from pgcutover.verdict import Finding

# inserting through a column's grant is inserting, too
_MAY_INSERT = """
select has_table_privilege(r.oid, c.oid, 'insert')
       or has_any_column_privilege(r.oid, c.oid, 'insert')
from unnest(%s::text[]) with ordinality as u (name, number)
left join pg_class c on c.oid = to_regclass(u.name)
left join pg_roles r on r.rolname = %s
order by u.number
"""
# an identity draws from its sequence without a privilege on it
_DEFAULTS = """
select u.number, a.attname, pg_get_expr(d.adbin, d.adrelid), s.sequences,
       s.sequences is null or s.usable
from unnest(%s::text[]) with ordinality as u (name, number)
join pg_attrdef d on d.adrelid = to_regclass(u.name)
join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
cross join lateral (
  select string_agg(c.oid::regclass::text, ', ') as sequences,
         bool_and(has_sequence_privilege(c.oid, 'usage')
                  or has_sequence_privilege(c.oid, 'update')) as usable
  from pg_depend p join pg_class c on c.oid = p.refobjid and c.relkind = 'S'
  where p.classid = 'pg_attrdef'::regclass and p.objid = d.oid
    and p.refclassid = 'pg_class'::regclass) s
where a.attgenerated = ''
order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class _Default:
    """A column's default; `sequences` are those that it names, or None."""

    table: RelationName
    column: str
    expression: str
    sequences: str | None
    is_usable: bool


def insertable(
    connection: Connection, tables: Sequence[RelationName], role: str
) -> tuple[bool | None, ...]:
    """Return for each table whether a role may insert into it; None where there is no such role."""
    rows = connection.execute(_MAY_INSERT, [_quoted(tables), role]).fetchall()
    return tuple(row[0] for row in rows)


def insert_findings(
    client: Connection, tables: Sequence[RelationName], side: str
) -> Iterator[Finding]:
    """Yield the tables into which clients could not insert, with the reason."""
    for table in tables:
        plan = sql.SQL("explain insert into {} default values").format(_identifier(table))
        if error := _error_of(client, plan):
            message = f"{table}: clients of the {side} cannot insert: {describe_error(error)}"
            yield finding(table, "insert refused", message)
    yield from _default_findings(client, tables, side)


def _default_findings(
    client: Connection, tables: Sequence[RelationName], side: str
) -> Iterator[Finding]:
    rows = client.execute(_DEFAULTS, [_quoted(tables)]).fetchall()
    defaults = [_Default(tables[number - 1], *rest) for number, *rest in rows]
    for each in defaults:
        if not each.is_usable:
            yield finding(
                each.table,
                "sequence refused",
                f"{each.table}.{each.column}: clients of the {side} may not use {each.sequences}; "
                "run: grant usage on sequence ... to their role",
            )
    yield from _evaluated([d for d in defaults if d.sequences is None], client, side)


def _evaluated(defaults: Sequence[_Default], client: Connection, side: str) -> Iterator[Finding]:
    """Evaluate the defaults in one query; where that fails, each by itself."""
    if not defaults or _error_of(client, _select(defaults)) is None:
        return
    for each in defaults:
        error = _error_of(client, _select([each]))
        # a function that writes, or draws from a sequence, cannot be tried before the opening
        if error is not None and error.sqlstate != "25006":
            yield finding(
                each.table,
                "default fails",
                f"{each.table}.{each.column}: its default fails for clients of the {side}: "
                f"{describe_error(error)}",
            )


def _select(defaults: Iterable[_Default]) -> sql.Composed:
    """Return a query of the expressions, as the server itself prints them."""
    parts = [sql.SQL(each.expression) for each in defaults]
    return sql.SQL("select {}").format(sql.SQL(", ").join(parts))


def _error_of(client: Connection, statement: sql.Composed) -> psycopg.Error | None:
    """Return the error of a statement; the transaction goes on."""
    try:
        with client.transaction():
            client.execute(statement)
    except psycopg.Error as error:
        return error
    return None


def _quoted(tables: Iterable[RelationName]) -> list[str]:
    return [_identifier(table).as_string() for table in tables]


def _identifier(table: RelationName) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)
