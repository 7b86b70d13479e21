"""Names without a schema: tables that clients found on the old side are found on the new one."""

from collections.abc import Collection, Iterator, Sequence

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.mapping import RelationName
from pgcutover.verdict import Finding

# the search_path with which a session of a role begins: role and database, role, database, server
_OF_ROLE = """
select coalesce((
  select split_part(c, '=', 2)
  from pg_db_role_setting d, unnest(d.setconfig) c
  where c like 'search_path=%%'
    and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    and d.setrole in (0, coalesce((select oid from pg_roles where rolname = %(role)s), 0))
  order by d.setrole = 0, d.setdatabase = 0 limit 1),
  (select boot_val from pg_settings where name = 'search_path'))
"""
_VISIBLE = """
select n.nspname::text, c.relname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and pg_table_is_visible(c.oid)
"""
# a view under the old name is made for clients, so it is as good as the table
_FOUND = """
select found.oid is not distinct from to_regclass(u.whole)::oid or c.relkind = 'v',
       found.oid::regclass::text
from unnest(%s::text[], %s::text[]) with ordinality as u (short, whole, number)
cross join lateral (select to_regclass(u.short)::oid as oid) found
left join pg_class c on c.oid = found.oid
order by u.number
"""


def search_path_of(connection: Connection, role: str) -> str:
    """Return the search_path with which a role begins a session in this database."""
    row = connection.execute(_OF_ROLE, {"role": role}).fetchone()
    path = str(row[0]) if row else '"$user", public'
    return path.replace('"$user"', sql.Identifier(role).as_string())


def use_search_path(connection: Connection, path: str) -> None:
    """Set a search_path, a list of quoted names, for the rest of the transaction."""
    connection.execute("select set_config('search_path', %s, true)", [path])


def visible_tables(connection: Connection, path: str) -> set[RelationName]:
    """Return the tables that are found without their schema under a search_path."""
    with connection.transaction():
        use_search_path(connection, path)
        return {RelationName(*row) for row in connection.execute(_VISIBLE).fetchall()}


def name_findings(
    client: Connection,
    pairs: Sequence[tuple[RelationName, RelationName]],
    visible: Collection[RelationName],
    side: str,
) -> Iterator[Finding]:
    """Yield the tables that clients do not find under their bare name any more.

    `pairs` are names on the old side and the new one; a table that was renamed is left out.
    """
    wanted = [new for old, new in pairs if old in visible and old.name == new.name]
    short = [sql.Identifier(each.name).as_string() for each in wanted]
    whole = [sql.Identifier(each.schema, each.name).as_string() for each in wanted]
    rows = client.execute(_FOUND, [short, whole]).fetchall()
    for new, (is_found, other) in zip(wanted, rows, strict=True):
        if not is_found:
            yield finding(
                new,
                "not found by its name",
                f"{new.name}: expected clients of the {side} to find {new} under this name, found "
                f"{other or 'nothing'}; set search_path for their role, for example with "
                "alter role ... set search_path",
            )
