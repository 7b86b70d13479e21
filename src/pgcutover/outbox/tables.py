"""Reads the tables to capture: their keys, partitions, and the reason where there is no key."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgcutover.connect import Connection
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.outbox.model import KeyColumn, SourceTable, UniqueIndex

# texts of these types depend on no setting, and but for bpchar and numeric each value has one text
_PLAIN = "'bool','int2','int4','int8','oid','uuid','text','varchar','name','char'"
_UNIQUE = f"""
select n.nspname, c.relname, x.relname, i.indisprimary, i.indimmediate,
       array_agg(json_build_array(
           a.attname, format_type(a.atttypid, -1), array[po.nspname, o.oprname],
           (t.typname in ({_PLAIN}, 'date', 'timestamp', 'timestamptz', 'bytea')
            and tn.nspname = 'pg_catalog' or t.typtype = 'e')
           and coalesce((to_jsonb(co) ->> 'collisdeterministic')::boolean, true),
           t.typname in ({_PLAIN}, 'numeric', 'bpchar') and tn.nspname = 'pg_catalog'
           or t.typtype = 'e',
           t.typcategory = 'S') order by u.n)
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  join unnest(%s::text[], %s::text[]) w (schema, name)
    on w.schema = n.nspname and w.name = c.relname
 cross join generate_series(1, i.indnkeyatts) u (n)
  join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[u.n - 1] and a.attnotnull
  join pg_type t on t.oid = a.atttypid
  join pg_namespace tn on tn.oid = t.typnamespace
  join pg_opclass oc on oc.oid = i.indclass[u.n - 1]
  join pg_amop am on am.amopfamily = oc.opcfamily and am.amopstrategy = 3
   and am.amoplefttype = oc.opcintype and am.amoprighttype = oc.opcintype
  join pg_operator o on o.oid = am.amopopr
  join pg_namespace po on po.oid = o.oprnamespace
  left join pg_collation co on co.oid = i.indcollation[u.n - 1]
 where i.indisunique and i.indpred is null and i.indisvalid and i.indislive
 group by n.nspname, c.relname, x.relname, i.indisprimary, i.indimmediate, i.indnkeyatts
having count(*) = i.indnkeyatts
 order by 1, 2, not i.indisprimary, i.indnkeyatts, 3
"""  # noqa: S608 - a constant
_MEMBERS = """
with recursive tree (root, oid) as (
    select c.oid, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join unnest(%s::text[], %s::text[]) w (schema, name)
        on w.schema = n.nspname and w.name = c.relname
    union all
    select t.root, i.inhrelid from tree t
      join pg_class p on p.oid = t.oid and p.relkind = 'p'
      join pg_inherits i on i.inhparent = t.oid
)
select rn.nspname, r.relname, r.relkind::text, n.nspname, c.relname, c.relkind::text
  from tree t join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace
  join pg_class r on r.oid = t.root join pg_namespace rn on rn.oid = r.relnamespace
 order by 1, 2, c.oid <> r.oid, 4, 5
"""
_NUMBERS = "select schema, name, number from pgcutover.outbox_relation"
_RECORDED = "select number, members from pgcutover.outbox_relation"


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """The tables that triggers capture, and the others with the reason."""

    tables: tuple[SourceTable, ...]
    uncaptured: Mapping[RelationName, str]

    def warnings(self) -> Iterable[str]:
        """Yield a sentence for each table that is not captured, or whose key may be personal."""
        for name, reason in sorted(self.uncaptured.items()):
            yield (
                f"{name} is not captured: {reason}; move it by its mover alone, and let the gate "
                "compare it"
            )
        for table in self.tables:
            for column in table.key:
                if column.is_text:
                    yield (
                        f"{table.name}: key column {column.name} is text, which the outbox holds "
                        "until the relay has written it; check that it is not personal"
                    )


def read_unique_indexes(
    connection: Connection, names: Sequence[RelationName]
) -> dict[RelationName, list[UniqueIndex]]:
    """Return the unique indexes of tables; the primary key first."""
    found: dict[RelationName, list[UniqueIndex]] = {}
    for schema, name, index, primary, immediate, columns in _rows(connection, _UNIQUE, names):
        parsed = tuple(KeyColumn(c[0], c[1], tuple(c[2]), *c[3:]) for c in columns)
        entry = UniqueIndex(index, primary, immediate, parsed)
        found.setdefault(RelationName(schema, name), []).append(entry)
    return found


def plan_capture(
    connection: Connection,
    mapped: Sequence[MappedTable],
    *,
    numbers: Mapping[RelationName, int] | None = None,
) -> CapturePlan:
    """Return the mapped tables with their keys; known tables keep their numbers."""
    names = [table.source for table in mapped]
    indexes = read_unique_indexes(connection, names)
    members: dict[RelationName, list[RelationName]] = {}
    kinds: dict[RelationName, str] = {}
    uncaptured: dict[RelationName, str] = {}
    for schema, name, kind, own_schema, own_name, own_kind in _rows(connection, _MEMBERS, names):
        root = RelationName(schema, name)
        kinds[root] = kind
        members.setdefault(root, []).append(RelationName(own_schema, own_name))
        if own_kind not in ("r", "p"):
            uncaptured[root] = f"{own_schema}.{own_name} is a foreign table"
    known = dict(numbers or {})
    tables = []
    for table in mapped:
        root = table.source
        key = _key(table, indexes.get(root, []))
        if not key:
            uncaptured.setdefault(root, "it has no key that moves, unique and never NULL")
        if root not in uncaptured:
            number = known.setdefault(root, max(known.values(), default=0) + 1)
            tables.append(SourceTable(number, root, kinds[root], key, tuple(members[root])))
    return CapturePlan(tuple(tables), uncaptured)


def read_numbers(connection: Connection) -> dict[RelationName, int]:
    """Return the number of each captured table; the outbox must be installed."""
    return {RelationName(s, n): number for s, n, number in connection.execute(_NUMBERS.encode())}


def find_moved_members(connection: Connection, table: SourceTable) -> set[str]:
    """Return the partitions that came or went since the triggers of a table were created."""
    rows = connection.execute(_RECORDED.encode()).fetchall()
    recorded = {number: {*members} for number, members in rows}.get(table.number)
    return set() if recorded is None else recorded ^ {*map(str, table.members)}


def _key(table: MappedTable, indexes: Sequence[UniqueIndex]) -> tuple[KeyColumn, ...]:
    moved = {source for source, _ in table.columns}
    found = (i.columns for i in indexes if i.immediate and {*i.names} <= moved)
    return next(found, ())


def _rows(connection: Connection, query: str, names: Sequence[RelationName]) -> list[Any]:
    wanted = [[n.schema for n in names], [n.name for n in names]]
    return connection.execute(query.encode(), wanted).fetchall()
