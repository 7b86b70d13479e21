"""Values that both sides generate by themselves: by triggers, and from sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.sides import LABELS, Sides

_TRIGGERS = """
select n.nspname, c.relname, t.tgname, p.oid::regprocedure::text
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  join unnest(%s::text[], %s::text[]) w (schema, name)
    on w.schema = n.nspname and w.name = c.relname
  join pg_proc p on p.oid = t.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
 where not t.tgisinternal and t.tgenabled in ('O', 'A') and pn.nspname <> 'pgcutover'
"""
# sequences of identity and serial columns, and those that a default draws from
_SEQUENCES = """
select distinct n.nspname, c.relname, a.attname, sn.nspname, sc.relname, s.seqincrement,
       s.seqmin, s.seqmax
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join unnest(%s::text[], %s::text[]) w (schema, name)
    on w.schema = n.nspname and w.name = c.relname
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef f on f.adrelid = c.oid and f.adnum = a.attnum
  join pg_depend d on
       d.classid = 'pg_class'::regclass and d.deptype = 'i' and a.attidentity <> ''
           and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
           and d.refobjsubid = a.attnum
    or d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
           and d.refclassid = 'pg_class'::regclass
  join pg_sequence s on s.seqrelid in (d.objid, d.refobjid)
  join pg_class sc on sc.oid = s.seqrelid join pg_namespace sn on sn.oid = sc.relnamespace
"""


@dataclass(frozen=True, slots=True)
class DrawnFrom:
    """The values that a sequence can still give: from `last`, by `increment`, within bounds."""

    increment: int
    last: int
    least: int
    most: int

    def can_meet(self, other: "DrawnFrom") -> bool:
        """Return whether both can give one value."""
        mine, theirs = self._rest(), other._rest()
        if max(mine[0], theirs[0]) > min(mine[1], theirs[1]):
            return False
        if abs(self.increment) != abs(other.increment):
            return True
        return (self.last - other.last) % abs(self.increment) == 0

    def _rest(self) -> tuple[int, int]:
        up = self.increment > 0
        return (self.last, self.most) if up else (self.least, self.last)


def triggers_diff(connections: Sides[Connection], tables: Sequence[MappedTable]) -> Diff:
    """Find the triggers that fire for the write to the source and for that to the target."""
    found = _fetch(connections, tables, _TRIGGERS)
    there = {(RelationName(s, n), trigger) for s, n, trigger, _ in found.target}
    by_source = {table.source: table for table in tables}
    problems = []
    for schema, name, trigger, function in found.source:
        table = by_source[RelationName(schema, name)]
        if (table.target, trigger) in there:
            problems.append(
                finding(
                    table,
                    "trigger fires twice",
                    f"{table}: trigger {trigger} ({function}) fires on both sides, expected on the "
                    "source alone: what it writes is made twice, from other clocks and sequences; "
                    "write to the target with session_replication_role = replica, or disable the "
                    "trigger there until the cutover",
                )
            )
    return Diff("*", tuple(problems), {"triggers": len(found.source)})


def sequences_diff(connections: Sides[Connection], tables: Sequence[MappedTable]) -> Diff:
    """Find columns whose sequences can give the same value on both sides."""
    found = connections.combine(_fetch(connections, tables, _SEQUENCES), _read_positions)
    by_source = {table.source: table for table in tables}
    problems = []
    for (name, column), own in found.source.items():
        table = by_source[name]
        target_column = dict(table.columns).get(column, "")
        other = found.target.get((table.target, target_column))
        if other is not None and own.can_meet(other):
            problems.append(
                finding(
                    f"{table}.{target_column}",
                    "sequences collide",
                    f"{table}.{target_column}: both sides can draw the same value for different "
                    "rows, expected sequences that do not meet; pass the source's value to the "
                    "target, or give both sequences one increment and different remainders",
                )
            )
    return Diff("*", tuple(problems), {"sequences": len(found.source)})


def _read_positions(
    connection: Connection, rows: Sequence[Any]
) -> dict[tuple[RelationName, str], DrawnFrom]:
    """Return the sequence of each column; the catalog does not show one that was restarted."""
    found = {}
    for schema, name, column, of_schema, of_name, increment, least, most in rows:
        query = sql.SQL("select last_value from {}").format(sql.Identifier(of_schema, of_name))
        with unreadable_on_error("", f"sequence {of_schema}.{of_name}"):
            last = (connection.execute(query).fetchone() or (least,))[0]
        found[RelationName(schema, name), column] = DrawnFrom(increment, last, least, most)
    return found


def _fetch(
    connections: Sides[Connection], tables: Sequence[MappedTable], query: str
) -> Sides[list[Any]]:
    names = Sides([t.source for t in tables], [t.target for t in tables])

    def rows(connection: Connection, label: str, wanted: Sequence[RelationName]) -> list[Any]:
        with unreadable_on_error(label, "its triggers and sequences"):
            arrays = [[n.schema for n in wanted], [n.name for n in wanted]]
            return sorted(connection.execute(query.encode(), arrays).fetchall())

    return Sides(
        rows(connections.source, LABELS.source, names.source),
        rows(connections.target, LABELS.target, names.target),
    )
