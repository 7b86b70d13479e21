"""Partitions of the source's tables, which AWS DMS lists as tables."""

from pgcutover.catalog.read import TABLE_SCHEMAS
from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.mapping import RelationName
from pgcutover.mapping.rules import Partitions

_LEAVES = f"""
with recursive tree (root, relation, schemas, names) as (
    select c.oid, c.oid, '{{}}'::name[], '{{}}'::name[]
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'p' and not c.relispartition and {TABLE_SCHEMAS}
    union all
    select t.root, c.oid, t.schemas || n.nspname, t.names || c.relname
    from tree t join pg_inherits h on h.inhparent = t.relation
    join pg_class c on c.oid = h.inhrelid join pg_namespace n on n.oid = c.relnamespace
)
select n.nspname, r.relname, t.schemas::text[], t.names::text[]
from tree t
join pg_class c on c.oid = t.relation and c.relkind <> 'p'
join pg_class r on r.oid = t.root join pg_namespace n on n.oid = r.relnamespace
order by 1, 2, 3, 4
"""  # noqa: S608 - a constant


def read_partitions(connection: Connection) -> Partitions:
    """Return the partitions that hold rows, each with its parents below its table, by table."""
    found: dict[RelationName, list[tuple[RelationName, ...]]] = {}
    with unreadable_on_error("source", "partitions"):
        for schema, name, schemas, names in connection.execute(_LEAVES.encode()):
            path = tuple(map(RelationName, schemas, names))
            found.setdefault(RelationName(schema, name), []).append(path)
    return found
