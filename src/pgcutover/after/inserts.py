"""Inserts through every sequence and identity, as clients make them, always rolled back.

The row is a copy of one that is there, with new values of the sequences. A unique constraint on
other columns refuses the copy as it should, after triggers and checks have accepted it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.mapping import RelationName
from pgcutover.verdict import Finding

# a generated column cannot be inserted, and one with a sequence gets its next value
_COLUMNS = """
select u.number,
       array_agg(a.attname::text order by a.attnum)
         filter (where not d.drawn and a.attgenerated = ''),
       array_agg(a.attname::text) filter (where d.drawn)
from unnest(%s::text[]) with ordinality as u (name, number)
join pg_attribute a on a.attrelid = to_regclass(u.name) and a.attnum > 0 and not a.attisdropped
cross join lateral (
  select a.attidentity <> '' or exists (
    select from pg_attrdef f join pg_depend p on p.classid = 'pg_attrdef'::regclass
      and p.objid = f.oid and p.refclassid = 'pg_class'::regclass
    join pg_class c on c.oid = p.refobjid and c.relkind = 'S'
    where f.adrelid = a.attrelid and f.adnum = a.attnum) as drawn) d
where has_table_privilege(a.attrelid, 'insert') and has_table_privilege(a.attrelid, 'select')
group by 1 having bool_or(d.drawn) order by 1
"""
# of the table, or of the partition that the row went to: its indexes have names of their own
_INDEX_COLUMNS = """
select array_agg(a.attname::text)
from pg_index i join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
where n.nspname = %s and c.relname = %s
"""
_DUPLICATE = ("23505", "23P01")


@dataclass(frozen=True, slots=True)
class _Target:
    """A table, the columns to copy, and those that a sequence fills."""

    table: RelationName
    columns: tuple[str, ...]
    drawn: frozenset[str]


def try_inserts(
    client: Connection, tables: Sequence[RelationName], side: str
) -> tuple[list[Finding], dict[str, int]]:
    """Return a finding for each insert that fails, and how many were tried and how many empty."""
    names = [sql.Identifier(t.schema, t.name).as_string() for t in tables]
    rows = client.execute(_COLUMNS, [names]).fetchall()
    targets = [_Target(tables[n - 1], tuple(c or ()), frozenset(d)) for n, c, d in rows]
    found, empty = [], 0
    for each in targets:
        try:
            empty += not _insert(client, each)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            raise UnreadableError(
                f"{each.table}: no insert was tried: {describe_error(error)}"
            ) from error
        except psycopg.Error as error:
            if not _is_expected(client, each, error):
                message = f"{each.table}: an insert of clients on the {side} fails: "
                found.append(finding(each.table, "insert fails", message + describe_error(error)))
    return found, {"tables": len(targets), "empty": empty}


def _insert(client: Connection, target: _Target) -> bool:
    """Insert a copy of a row and roll it back; return False where the table has no row."""
    table = sql.Identifier(target.table.schema, target.table.name)
    columns = sql.SQL(", ").join(map(sql.Identifier, target.columns))
    copy = sql.SQL("insert into {} ({}) select {} from {} limit 1")
    with client.transaction(force_rollback=True):
        if not target.columns:
            client.execute(sql.SQL("insert into {} default values").format(table))
            return True
        return client.execute(copy.format(table, columns, columns, table)).rowcount > 0


def _is_expected(client: Connection, target: _Target, error: psycopg.Error) -> bool:
    """Return whether a constraint refused the copy that has no column of a sequence."""
    if error.sqlstate not in _DUPLICATE:
        return False
    row = client.execute(
        _INDEX_COLUMNS, [error.diag.schema_name, error.diag.constraint_name]
    ).fetchone()
    return row is not None and row[0] is not None and target.drawn.isdisjoint(row[0])
