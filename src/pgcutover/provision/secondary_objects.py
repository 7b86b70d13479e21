"""Drops secondary indexes, constraints, foreign keys and triggers for the load, and recreates them.

They would slow the load, reject rows that arrive before their parents, and fire on rows for which
they fired on the source. `pgcutover.deferred` on the target records the statements that PostgreSQL
printed for each. Objects of tables that hold rows are not dropped: nothing loads these tables.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import psycopg
from psycopg.rows import class_row

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ProvisionError
from pgcutover.provision.applied_steps import Applied, entry, run_once
from pgcutover.provision.execute import Progress, one_transaction
from pgcutover.text.words import agree, count_noun

PHASE = "deferred"
DROPPED, CREATED = "dropped", "created"
_WORTH_A_LINE_SECONDS = 2.0

_TABLE = """
create table if not exists pgcutover.deferred (
    id integer generated always as identity primary key,
    create_rank integer not null,
    kind text not null,
    relation text not null,
    name text not null,
    drop_sql text not null,
    create_sql text[] not null,
    created_at timestamp with time zone
)
"""

# A partition's copies are dropped and created with its parent's. Not dropped are primary keys,
# replica identities, and the unique indexes of a table that has no other key.
_FIND = """
with tables as (
    select t.oid, format('%I.%I', n.nspname, t.relname) as relation, n.nspname as schema_name,
           exists (select from pg_catalog.pg_index p
                   where p.indrelid = t.oid and p.indisprimary) as has_primary_key
    from pg_catalog.pg_class t
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace
    where t.relkind in ('r', 'p')
      and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
      and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::regclass
                        and d.objid = t.oid and d.deptype = 'e')
), indexes as (
    select i.*, c.relname, c.reloptions, t.relation, t.schema_name,
           format('%I.%I', t.schema_name, c.relname) as index_name,
           k.oid as constraint_oid, k.conname
    from pg_catalog.pg_index i
    join tables t on t.oid = i.indrelid
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    left join pg_catalog.pg_constraint k
        on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('u', 'x')
    where not i.indisprimary and not i.indisreplident
      and (t.has_primary_key or not i.indisunique)
      and not exists (select from pg_catalog.pg_inherits h where h.inhrelid = i.indexrelid)
), index_extras as (
    select i.indexrelid, array_remove(array[
        case when i.constraint_oid is not null and i.reloptions is not null then
            format('alter index %s set (%s)', i.index_name,
                   array_to_string(i.reloptions, ', ')) end,
        case when i.indisclustered then
            format('alter table %s cluster on %I', i.relation, i.relname) end,
        'comment on index ' || i.index_name || ' is '
            || quote_literal(pg_catalog.obj_description(i.indexrelid, 'pg_class'))
    ], null) || array(
        select format('alter index %s alter column %s set statistics %s',
                      i.index_name, a.attnum, a.attstattarget)
        from pg_catalog.pg_attribute a
        where a.attrelid = i.indexrelid and a.attstattarget >= 0 and a.attnum > 0
        order by a.attnum
    ) as statements
    from indexes i
)
select 1 as create_rank, 'index' as kind, i.relation, i.relname as name,
       'drop index ' || i.index_name as drop_sql,
       array[replace(pg_catalog.pg_get_indexdef(i.indexrelid),
                     format(' INDEX %I ON ONLY ', i.relname),
                     format(' INDEX %I ON ', i.relname))] || x.statements as create_sql
from indexes i join index_extras x using (indexrelid)
where i.constraint_oid is null
union all
select 2, case k.contype when 'u' then 'unique constraint' else 'exclusion constraint' end,
       i.relation, i.conname, format('alter table %s drop constraint %I', i.relation, i.conname),
       array[format('alter table %s add constraint %I %s', i.relation, i.conname,
                    pg_catalog.pg_get_constraintdef(k.oid))]
           || x.statements
           || ('comment on constraint ' || quote_ident(i.conname) || ' on ' || i.relation || ' is '
               || quote_literal(pg_catalog.obj_description(k.oid, 'pg_constraint')))
from indexes i
join index_extras x using (indexrelid)
join pg_catalog.pg_constraint k on k.oid = i.constraint_oid
union all
select 3, 'foreign key', t.relation, k.conname,
       format('alter table %s drop constraint %I', t.relation, k.conname),
       array[format('alter table %s add constraint %I %s', t.relation, k.conname,
                    pg_catalog.pg_get_constraintdef(k.oid)),
             'comment on constraint ' || quote_ident(k.conname) || ' on ' || t.relation || ' is '
                 || quote_literal(pg_catalog.obj_description(k.oid, 'pg_constraint'))]
from pg_catalog.pg_constraint k
join tables t on t.oid = k.conrelid
where k.contype = 'f' and k.conparentid = 0
union all
select 4, 'trigger', t.relation, g.tgname, format('drop trigger %I on %s', g.tgname, t.relation),
       array[pg_catalog.pg_get_triggerdef(g.oid),
             'alter table ' || t.relation
                 || case g.tgenabled when 'D' then ' disable' when 'R' then ' enable replica'
                                     when 'A' then ' enable always' end
                 || ' trigger ' || quote_ident(g.tgname),
             'comment on trigger ' || quote_ident(g.tgname) || ' on ' || t.relation || ' is '
                 || quote_literal(pg_catalog.obj_description(g.oid, 'pg_trigger'))]
from pg_catalog.pg_trigger g
join tables t on t.oid = g.tgrelid
where not g.tgisinternal and g.tgparentid = 0
order by 1, 3, 4
"""


@dataclass(frozen=True, slots=True)
class SecondaryObject:
    """One dropped object: the statement that drops it, and those that create it again."""

    create_rank: int
    kind: str
    relation: str
    name: str
    drop_sql: str
    create_sql: list[str | None]
    id: int = 0

    def __str__(self) -> str:
        """`foreign key fk_x of s.t`, as messages show it."""
        return f"{self.kind} {self.name} of {self.relation}"


def drop_for_load(conn: Connection, progress: Progress) -> Applied | None:
    """Record and drop the secondary objects of empty tables; None where that is done already."""
    done = run_once(conn, PHASE, DROPPED, "", lambda: _drop(conn, progress))
    if done:
        progress(f"dropped them in {done.duration_seconds:.2f} s")
    return done


def recreate(conn: Connection, progress: Progress) -> Applied | None:
    """Create, one transaction each, what `drop_for_load` dropped; None where done already.

    An object that fails is named, and a second run continues with it.
    """
    if not entry(conn, PHASE, DROPPED):
        raise ProvisionError(
            "the target's indexes and constraints were never dropped for the load, so its schema "
            "does not come from the pre-load phase; provision the target first"
        )
    if entry(conn, PHASE, CREATED):
        return None
    started = time.monotonic()
    for kind, items in groupby(_dropped(conn), key=lambda item: item.kind):
        count = sum(_create(conn, item, progress) for item in items)
        progress(f"created {count_noun(count, kind)}")
    return run_once(conn, PHASE, CREATED, "", lambda: None, started=started)


def _drop(conn: Connection, progress: Progress) -> None:
    conn.execute(_TABLE)
    conn.execute("set local search_path = ''")  # definitions then name every schema
    found = list(_of_empty_tables(conn, list(_found(conn)), progress))
    for item in sorted(found, key=lambda i: -i.create_rank):
        conn.execute(item.drop_sql.encode())
    _record(conn, found)
    kinds = Counter(item.kind for item in found)
    told = ", ".join(count_noun(count, kind) for kind, count in kinds.items()) or "nothing"
    progress(f"recorded and dropped {told} for the load")


def _of_empty_tables(
    conn: Connection, found: list[SecondaryObject], progress: Progress
) -> Iterator[SecondaryObject]:
    """Yield the objects of tables without rows; say how many tables hold rows."""
    relations = {item.relation for item in found}
    holds_rows = {relation: _holds_rows(conn, relation) for relation in relations}
    if filled := sum(holds_rows.values()):
        tables = f"{count_noun(filled, 'table')} {agree(filled, 'holds', 'hold')}"
        progress(f"{tables} rows, so indexes, constraints and triggers stay there")
    yield from (item for item in found if not holds_rows[item.relation])


def _holds_rows(conn: Connection, relation: str) -> bool:
    query = f"select exists (select from {relation})"  # noqa: S608 - quoted by the server
    return conn.execute(query.encode()).fetchone() == (True,)


def _found(conn: Connection) -> Iterator[SecondaryObject]:
    with conn.cursor(row_factory=class_row(SecondaryObject)) as cursor:
        yield from cursor.execute(_FIND.encode())


def _record(conn: Connection, found: list[SecondaryObject]) -> None:
    insert = """
        insert into pgcutover.deferred (create_rank, kind, relation, name, drop_sql, create_sql)
        values (%s, %s, %s, %s, %s, array_remove(%s::text[], null))
    """
    with conn.cursor() as cursor:
        cursor.executemany(
            insert,
            [(i.create_rank, i.kind, i.relation, i.name, i.drop_sql, i.create_sql) for i in found],
        )


def _dropped(conn: Connection) -> list[SecondaryObject]:
    query = """
        select id, create_rank, kind, relation, name, drop_sql, create_sql
        from pgcutover.deferred where created_at is null order by create_rank, id
    """
    with conn.cursor(row_factory=class_row(SecondaryObject)) as cursor:
        return cursor.execute(query).fetchall()


def _create(conn: Connection, item: SecondaryObject, progress: Progress) -> int:
    """Create one object; return 0 where another run has created it."""
    started = time.monotonic()
    try:
        with one_transaction(conn):
            mark = "update pgcutover.deferred set created_at = clock_timestamp() where id = %s"
            if not conn.execute(mark + " and created_at is null", [item.id]).rowcount:
                return 0
            for statement in item.create_sql:
                conn.execute((statement or "").encode())
    except psycopg.Error as error:
        raise ProvisionError(
            f"{item} could not be created after the load: {describe_error(error)}; the loaded "
            "rows violate it or the server refused it: remove the cause and run this again; "
            "objects created before it stay"
        ) from error
    if (took := time.monotonic() - started) >= _WORTH_A_LINE_SECONDS:
        progress(f"created {item} in {took:.0f} s")
    return 1
