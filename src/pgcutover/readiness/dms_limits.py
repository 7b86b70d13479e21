"""Tables that AWS DMS does not carry whole, as the catalog and its statistics show them.

From the DMS user guide, "Limitations on using a PostgreSQL database as a DMS source". What settings
of the task can change is judged with them, by DMS-TASK.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pgcutover.connect import Connection
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.readiness.situation import Situation
from pgcutover.text.words import agree

_NAMED = """
named as (
    select c.oid, m.schema, m.name, format('%%I.%%I', m.schema, m.name) as shown
    from unnest(%s::text[], %s::text[]) as m (schema, name)
    join pg_namespace n on n.nspname = m.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = m.name and c.relkind in ('r', 'p')
)"""
_COLUMNS = f"""
with {_NAMED}
select t.schema, t.name, t.shown, a.attname, coalesce(b.typname, y.typname) = 'oid',
       y.typcategory = 'A'
       and not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary)
from named t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
join pg_type y on y.oid = a.atttypid left join pg_type b on b.oid = nullif(y.typbasetype, 0)
where coalesce(b.typname, y.typname) = 'oid' or y.typcategory = 'A'
order by 1, 2, a.attnum
"""  # noqa: S608 - a constant
# READY-CHANGES reports those without a replica identity
_IDENTIFIED = f"""
with {_NAMED}
select t.shown, coalesce(s.n_tup_upd + s.n_tup_del, 0)
from named t join pg_class c on c.oid = t.oid and c.relkind = 'r' and c.relreplident in ('f', 'i')
left join pg_stat_all_tables s on s.relid = c.oid
where not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary)
order by 1
"""  # noqa: S608 - a constant
_COALESCE = f"""
with {_NAMED}
select t.shown, quote_ident(x.relname)
from named t join pg_index i on i.indrelid = t.oid and i.indisunique and i.indexprs is not null
join pg_class x on x.oid = i.indexrelid
where pg_get_expr(i.indexprs, i.indrelid) ~* '\\mcoalesce\\(' order by 1, 2
"""  # noqa: S608 - a constant
# what the last ANALYZE kept: common values, and the ends of the range, which infinity is
_INFINITE = f"""
with {_NAMED}
select t.shown, s.attname
from named t join pg_stats s on s.schemaname = t.schema and s.tablename = t.name
join pg_attribute a on a.attrelid = t.oid and a.attname = s.attname
join pg_type y on y.oid = a.atttypid and y.typname in ('date', 'timestamp', 'timestamptz')
where s.histogram_bounds::text ~ 'infinity' or s.most_common_vals::text ~ 'infinity'
group by 1, 2 order by 1, 2
"""  # noqa: S608 - a constant
_TRUNCATES = """
select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prosrc ~* '\\mtruncate\\s+(table\\s+|only\\s+)*["''a-z_%]'
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
  and p.proname !~ '^awsdms_'
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass
                  and d.objid = p.oid and d.deptype = 'e')
order by 1
"""


def judge_dms_limits(
    source: Connection, tables: Sequence[MappedTable], excluded: Mapping[str, Collection[str]]
) -> Situation:
    """Check that DMS can carry the tables; `excluded` columns, by target name, are not compared."""
    found = Situation()
    parameters: list[Any] = [[t.source.schema for t in tables], [t.source.name for t in tables]]
    by_source = {t.source: t for t in tables}
    for schema, name, shown, column, is_oid, is_keyless in source.execute(
        _COLUMNS.encode(), parameters
    ):
        if is_keyless:
            _add_keyless(found, shown, column)
        elif is_oid and not _is_left_out(by_source[RelationName(schema, name)], column, excluded):
            _add_oid(found, shown, column)
    for shown, changed in source.execute(_IDENTIFIED.encode(), parameters):
        _add_identified(found, shown, changed)
    for shown, index in source.execute(_COALESCE.encode(), parameters):
        _add_coalesce(found, shown, index)
    for names in _differ_in_case(t.target for t in tables):
        _add_alike(found, names)
    _warn_of_infinity(found, source, parameters)
    _warn_of_truncate(found, source)
    return found


def _add_keyless(found: Situation, table: str, column: str) -> None:
    found.add(
        table,
        "not carried by DMS",
        f"{table} of the source has the array {column} and no primary key, so DMS suspends the "
        "table in the full load; add a primary key, or copy the table in another way",
    )


def _add_oid(found: Situation, table: str, column: str) -> None:
    found.add(
        f"{table}.{column}",
        "not carried by DMS",
        f"column {column} of {table} is of type oid, which DMS does not migrate, so it arrives as "
        "NULL; change it to bigint, remove it by a rule of the table mappings, or copy it in the "
        "freeze",
    )


def _add_identified(found: Situation, table: str, changed: int) -> None:
    found.add(
        table,
        "not carried by DMS",
        f"{table} of the source has no primary key, so DMS ignores UPDATE and DELETE there, also "
        "with a replica identity; add a primary key, or copy the table in the freeze",
        fails=changed > 0,
    )


def _add_coalesce(found: Situation, table: str, index: str) -> None:
    found.add(
        table,
        "not carried by DMS",
        f"unique index {index} of {table} calls coalesce(), and DMS does not support the "
        "replication of such a table; replace the index by partial ones, on both sides, or copy "
        "the table in another way",
    )


def _add_alike(found: Situation, names: Sequence[str]) -> None:
    found.add(
        names[0],
        "not carried by DMS",
        f"the names of {' and '.join(names)} differ in upper and lower case only, and what DMS "
        "writes into them is not predictable; rename all but one, or move them by another task",
    )


def _is_left_out(table: MappedTable, column: str, excluded: Mapping[str, Collection[str]]) -> bool:
    if column in table.removed_columns:
        return True
    return table.target_column(column) in excluded.get(str(table), ())


def _differ_in_case(names: Iterable[RelationName]) -> list[list[str]]:
    alike = defaultdict[str, list[str]](list)
    for name in names:
        alike[str(name).lower()].append(str(name))
    return [sorted(group) for group in alike.values() if len(group) > 1]


def _warn_of_infinity(found: Situation, source: Connection, parameters: list[Any]) -> None:
    for table, column in source.execute(_INFINITE.encode(), parameters):
        found.warnings.append(
            f"column {column} of {table} on the source holds infinity, by its statistics; DMS "
            "writes the greatest or smallest time that it knows instead; copy these rows in the "
            "freeze, or give them finite values before the load"
        )


def _warn_of_truncate(found: Situation, source: Connection) -> None:
    names = [name for (name,) in source.execute(_TRUNCATES.encode())]
    if names:
        found.warnings.append(
            f"{', '.join(names)} of the source {agree(len(names), 'runs', 'run')} TRUNCATE, which "
            "DMS does not carry while it captures changes; let nobody call it until the cutover, "
            "or let it delete the rows"
        )
