"""Tables whose changes logical decoding does not send whole, and data that no mover carries.

An UPDATE or DELETE is sent with the replica identity of its row, the primary key by default; an
unlogged table writes no WAL at all (PostgreSQL documentation, "Logical Replication: Restrictions").
"""

from collections.abc import Sequence

from pgcutover.connect import Connection
from pgcutover.mapping import RelationName
from pgcutover.readiness.situation import Situation

# leaves of partitioned tables are what is decoded; a deferrable key identifies no row; the
# statistics tell if rows were ever changed
_TABLES = """
with recursive named as (
    select c.oid, c.relkind, format('%%I.%%I', n.nspname, c.relname) as name
    from unnest(%s::text[], %s::text[]) as m (schema, name)
    join pg_namespace n on n.nspname = m.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = m.name and c.relkind in ('r', 'p')
), leaves (name, oid, kind) as (
    select name, oid, relkind from named
    union all
    select l.name, h.inhrelid, p.relkind
    from leaves l join pg_inherits h on h.inhparent = l.oid join pg_class p on p.oid = h.inhrelid
    where l.kind = 'p'
)
select l.name, format('%%I.%%I', n.nspname, c.relname), c.relpersistence, c.relreplident,
       (select i.indimmediate from pg_index i where i.indrelid = c.oid and i.indisprimary),
       exists (select from pg_index i
               where i.indrelid = c.oid and i.indisreplident and i.indisvalid),
       coalesce(s.n_tup_upd + s.n_tup_del, 0)
from leaves l join pg_class c on c.oid = l.oid and c.relkind = 'r'
join pg_namespace n on n.oid = c.relnamespace
left join pg_stat_all_tables s on s.relid = c.oid
order by 1, 2
"""
_LARGE_OBJECTS = "select count(*) from pg_largeobject_metadata"
_FOREIGN = """
select format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'f' order by 1
"""


def judge_changes(source: Connection, tables: Sequence[RelationName], captures: bool) -> Situation:
    """Check that every change of these tables can be sent; warnings where nothing reads them."""
    found = Situation()
    parameters = [[t.schema for t in tables], [t.name for t in tables]]
    for _, name, persistence, identity, immediate, has_index, changed in source.execute(
        _TABLES.encode(), parameters
    ):
        if persistence == "u":
            found.add(
                name,
                "unlogged table",
                f"{name} is unlogged on the source: none of its changes reaches a mover or a "
                "ledger, and a crash empties it; run there: "
                f"alter table {name} set logged, or exclude it and copy it in the freeze",
                fails=captures,
            )
        elif reason := _reason(identity, key_is_immediate=immediate, has_index=has_index):
            found.add(
                name,
                "no replica identity",
                f"{name} has {reason} on the source, so an UPDATE or DELETE there is refused under "
                "a publication, or reaches the target as nothing"
                f"{_counted(changed)}; add a primary key, or run there: "
                f"alter table {name} replica identity {_remedy(key_is_immediate=immediate)}",
                fails=captures and changed > 0,
            )
    _warn_of_other_data(found, source)
    return found


def _warn_of_other_data(found: Situation, source: Connection) -> None:
    ((number,),) = source.execute(_LARGE_OBJECTS).fetchall()
    if number:
        objects = "1 large object" if number == 1 else f"{number:,} large objects"
        found.warnings.append(
            f"the source has {objects}: no mover carries them; copy them with the same oids, for "
            "example by pg_dump --large-objects, and let nobody change them meanwhile"
        )
    for (name,) in source.execute(_FOREIGN.encode()):
        found.warnings.append(
            f"{name} is a foreign table of the source: no mover carries its rows; create its "
            "server and user mapping on the target, and see that the target reaches that server"
        )


def _reason(identity: str, *, key_is_immediate: bool | None, has_index: bool) -> str:
    if identity == "n":
        return "replica identity nothing"
    if identity == "i" and not has_index:
        return "a replica identity whose index is gone or not valid"
    if identity == "d" and key_is_immediate is False:
        return "a deferrable primary key, which identifies no row, and no replica identity"
    if identity == "d" and not key_is_immediate:
        return "neither a primary key nor a replica identity"
    return ""


def _remedy(*, key_is_immediate: bool | None) -> str:
    return "default" if key_is_immediate else "full"


def _counted(changed: int) -> str:
    if not changed:
        return ""
    rows = "1 row was" if changed == 1 else f"{changed:,} rows were"
    return f" ({rows} updated or deleted since the statistics began)"
