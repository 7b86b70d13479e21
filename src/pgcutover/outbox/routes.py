"""The way of each captured table to the target: its columns, key and unique indexes there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.errors import ServerError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.outbox.model import KeyColumn, SourceTable
from pgcutover.outbox.tables import read_unique_indexes

_COLUMNS = """
select n.nspname, c.relname, c.relkind::text, a.attname, format_type(a.atttypid, -1),
       to_jsonb(a) ->> 'attgenerated' in ('s', 'v'), a.attidentity = 'a'
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join unnest(%s::text[], %s::text[]) w (schema, name)
    on w.schema = n.nspname and w.name = c.relname
  left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
"""
# of every unique index: its key columns as expressions with their equality, and its predicate
_UNIQUE = """
select n.nspname, c.relname,
       array_agg(json_build_array(pg_get_indexdef(i.indexrelid, u.n, true), po.nspname, o.oprname)
                 order by u.n),
       pg_get_expr(i.indpred, i.indrelid)
  from pg_index i
  join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
  join unnest(%s::text[], %s::text[]) w (schema, name)
    on w.schema = n.nspname and w.name = c.relname
 cross join generate_series(1, i.indnkeyatts) u (n)
  join pg_opclass oc on oc.oid = i.indclass[u.n - 1]
  join pg_amop am on am.amopfamily = oc.opcfamily and am.amopstrategy = 3
   and am.amoplefttype = oc.opcintype and am.amoprighttype = oc.opcintype
  join pg_operator o on o.oid = am.amopopr join pg_namespace po on po.oid = o.oprnamespace
 where i.indisunique and i.indislive
 group by n.nspname, c.relname, i.indexrelid, i.indpred, i.indrelid
"""
_REFERENCES = """
select n.nspname, c.relname, rn.nspname, r.relname
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_class r on r.oid = k.confrelid join pg_namespace rn on rn.oid = r.relnamespace
 where k.contype = 'f' and k.conrelid <> k.confrelid
"""


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column that moves: its name on both sides, and its type on the target without a length.

    `is_fixed`: always an identity, which an INSERT can give a value, and an UPDATE cannot.
    """

    source: str
    name: str
    type: str
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class UniqueRule:
    """A unique index of the target as SQL: expressions, each with its equality, and a predicate."""

    expressions: tuple[tuple[str, str, str], ...]
    predicate: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """A captured table and its table on the target.

    `key` is the source's key in the target's columns. `arbiter` are the columns of an index by
    which rows are upserted, `rewritten` those of them in which equal values can have two texts;
    without an arbiter rows are deleted and inserted.
    """

    table: SourceTable
    target: RelationName
    kind: str
    columns: tuple[TargetColumn, ...]
    key: tuple[KeyColumn, ...]
    arbiter: tuple[str, ...]
    rewritten: tuple[str, ...]
    unique: tuple[UniqueRule, ...]

    @property
    def identifier(self) -> sql.Composable:
        """The table on the target with its partitions, and without tables that inherit from it."""
        name = sql.Identifier(self.target.schema, self.target.name)
        return name if self.kind == "p" else sql.SQL("only {}").format(name)

    @property
    def arbiter_is_key(self) -> bool:
        """Return whether a row that has the same key on the source has it on the target."""
        return {*self.arbiter} == {column.name for column in self.key}


def plan_routes(
    target: Connection, tables: Sequence[SourceTable], mapped: Sequence[MappedTable]
) -> tuple[Route, ...]:
    """Return the routes, referenced tables first; ServerError where the target lacks something."""
    by_source = {table.source: table for table in mapped}
    names = [by_source[table.name].target for table in tables]
    kinds, columns = _read_columns(target, names)
    indexes = read_unique_indexes(target, names)
    rules: dict[RelationName, list[UniqueRule]] = {}
    for schema, name, expressions, predicate in _rows(target, _UNIQUE, names):
        rule = UniqueRule(tuple(tuple(e) for e in expressions), predicate)
        rules.setdefault(RelationName(schema, name), []).append(rule)
    routes = []
    for table in tables:
        own = by_source[table.name]
        if own.target not in kinds:
            raise ServerError(f"target: expected table {own.target}, found none; create it first")
        moved = _moved(own, columns[own.target])
        known = {c.name: c for index in indexes.get(own.target, []) for c in index.columns}
        key = tuple(_key_column(own, c, moved, known) for c in table.key)
        wanted = {column.name for column in key}
        wanted |= {c.name for c in moved if c.is_fixed}
        arbiters = (i for i in indexes.get(own.target, []) if i.immediate and {*i.names} >= wanted)
        arbiter = next((index.columns for index in arbiters), ())
        routes.append(
            Route(
                table, own.target, kinds[own.target], moved, key,
                tuple(column.name for column in arbiter),
                tuple(column.name for column in arbiter if not column.is_bitwise),
                tuple(rules.get(own.target, ())),
            )
        )  # fmt: skip
    return tuple(_parents_first(target, routes))


def _moved(
    table: MappedTable, columns: Mapping[str, tuple[str, bool, bool]]
) -> tuple[TargetColumn, ...]:
    found = []
    for source, name in table.columns:
        if name not in columns:
            raise ServerError(
                f"target: table {table.target} has no column {name!r}; expected it, because the "
                f"mapping rules move it; add it, or remove it from the migration (remove-column)"
            )
        data_type, is_generated, is_fixed = columns[name]
        if not is_generated:
            found.append(TargetColumn(source, name, data_type, is_fixed))
    return tuple(found)


def _key_column(
    table: MappedTable,
    column: KeyColumn,
    moved: Sequence[TargetColumn],
    known: Mapping[str, KeyColumn],
) -> KeyColumn:
    name = table.target_column(column.name)
    if name in known:
        return known[name]
    types = {c.name: c.type for c in moved}
    if name not in types:
        raise ServerError(
            f"target: column {name!r} of {table.target} is generated, but it is part of the key on "
            "the source; expected a plain column"
        )
    return KeyColumn(name, types[name], ("pg_catalog", "="), False, False, False)


def _read_columns(
    target: Connection, names: Sequence[RelationName]
) -> tuple[dict[RelationName, str], dict[RelationName, dict[str, tuple[str, bool, bool]]]]:
    kinds: dict[RelationName, str] = {}
    columns: dict[RelationName, dict[str, tuple[str, bool, bool]]] = {}
    for schema, name, kind, column, data_type, generated, fixed in _rows(target, _COLUMNS, names):
        table = RelationName(schema, name)
        kinds[table] = kind
        columns.setdefault(table, {})[column] = (data_type, bool(generated), bool(fixed))
    return kinds, columns


def _parents_first(target: Connection, routes: Sequence[Route]) -> Iterable[Route]:
    """Sort by foreign keys; tables that refer to each other stay in any order."""
    by_name = {route.target: route for route in routes}
    graph: dict[RelationName, set[RelationName]] = {name: set() for name in by_name}
    for schema, name, parent_schema, parent in target.execute(_REFERENCES.encode()):
        child, referenced = RelationName(schema, name), RelationName(parent_schema, parent)
        if child in graph and referenced in graph:
            graph[child].add(referenced)
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError:
        return routes


def _rows(connection: Connection, query: str, names: Sequence[RelationName]) -> list[Any]:
    wanted = [[n.schema for n in names], [n.name for n in names]]
    return connection.execute(query.encode(), wanted).fetchall()
