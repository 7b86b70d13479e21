"""Checks that each sequence's next value is unused.

No mover carries positions of sequences (AWS DMS, "Limitations on using a PostgreSQL source"), and
a standalone sequence cannot be derived from any column, so the source's position counts too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.mapping import MappedTable
from pgcutover.verdict import Finding

_SEQUENCES = """
select format('%I.%I', n.nspname, c.relname), n.nspname, c.relname,
       s.seqincrement, s.seqmin, s.seqmax, s.seqcycle
from pg_sequence s join pg_class c on c.oid = s.seqrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
  and c.relpersistence <> 't'
order by 1
"""
# a column draws from a sequence that it owns, that is its identity, or that its default names;
# what inherits is told with its parent, unless it draws from another
_DRAWING = """
with drawn as (
  select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number
  from pg_depend d
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
    and d.deptype in ('a', 'i')
  union
  select d.refobjid, f.adrelid, f.adnum
  from pg_depend d join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
  where d.refclassid = 'pg_class'::regclass
), drawing as (
  select s.oid as sequence, t.oid as relation, a.attname,
         coalesce(nullif(y.typbasetype, 0), y.oid) as type
  from drawn w
  join pg_class s on s.oid = w.sequence and s.relkind = 'S'
  join pg_class t on t.oid = w.relation and t.relkind in ('r', 'p') and t.relpersistence <> 't'
  join pg_attribute a on a.attrelid = t.oid and a.attnum = w.number
  join pg_type y on y.oid = a.atttypid and y.typcategory = 'N'
)
select format('%I.%I', n.nspname, s.relname),
       format('%I.%I', tn.nspname, t.relname), tn.nspname, t.relname, g.attname,
       case y.typname when 'int2' then 32767 when 'int4' then 2147483647 end
from drawing g
join pg_class s on s.oid = g.sequence join pg_namespace n on n.oid = s.relnamespace
join pg_class t on t.oid = g.relation join pg_namespace tn on tn.oid = t.relnamespace
join pg_type y on y.oid = g.type and y.typname !~ '^(oid|reg|money|xid|cid)'
where not exists (
  select from pg_inherits i join drawing p on p.relation = i.inhparent
  where i.inhrelid = g.relation and p.sequence = g.sequence and p.attname = g.attname
)
order by 1, 2, 3, 4
"""
# NaN and infinity are no value that a sequence gives
_TAKEN = "select {edge}({column})::numeric from {table} where {column} between {low} and {high}"
_AT_ONCE = 500
_INT8 = (-(2**63), 2**63 - 1)
_REPEATS = "inserts will raise duplicate-key errors or repeat ids"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that draws from a sequence; `maximum` is the most that its type holds, if less.

    `relation` is the quoted name of its table.
    """

    relation: str
    schema: str
    table: str
    name: str
    maximum: int | None

    def __str__(self) -> str:
        """`schema.table.column`, as reports show it."""
        return f"{self.schema}.{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class SequenceState:
    """A sequence and its position; `following` is the next value."""

    name: str
    last: int
    is_called: bool
    increment: int
    minimum: int
    maximum: int
    cycle: bool

    @property
    def following(self) -> int:
        """The next value, within bounds or not."""
        return self.last + (self.increment if self.is_called else 0)

    @property
    def taken(self) -> int:
        """The last value that it gave, or the one before its first."""
        return self.last if self.is_called else self.last - (1 if self.increment > 0 else -1)

    def set_past(self, taken: Iterable[int]) -> str:
        """Return SQL that sets it beyond all used values, or nothing where no value is left."""
        furthest = max(taken) if self.increment > 0 else min(taken)
        value = furthest + self.increment
        if not self.minimum <= value <= self.maximum:
            return ""
        return f"select setval({sql.Literal(self.name).as_string()}, {value})"

    def behind_by(self, taken: int) -> int:
        """Return by how much the next value is behind a used one; 0 where it is beyond."""
        behind = taken - self.following if self.increment > 0 else self.following - taken
        return behind + 1 if behind >= 0 else 0


def sequences_diff(
    source: Connection,
    target: Connection,
    moved: Mapping[str, str],
    tables: Sequence[MappedTable] = (),
    *,
    during_load: bool = False,
) -> Diff:
    """Sequences of the target whose next value the source, or a column, has already.

    `moved` is the target's name of each relation of the source, and `tables` know columns that are
    renamed; others keep theirs. While rows still come, as `during_load` says, sequences are behind
    by nature and that is only told.
    """
    theirs, ours = _sequences(source, "source"), _sequences(target, "target")
    origins = {moved.get(name, name): position for name, position in theirs.items()}
    drawing = _drawing(target, "target")
    # one that begins anew is where the source's is, whatever rows it gave before
    asked = [
        (position, column)
        for name, position in ours.items()
        for column in drawing.get(name, ())
        if not (position.cycle and name in origins)
    ]
    taken = _read_taken(target, asked)
    behind: list[Finding] = []
    problems = list(_shared(drawing, _origins(source, moved, tables)))
    for name, position in ours.items():
        columns = drawing.get(name, ())
        behind += _behind(position, origins.get(name), taken.get(name, ()))
        problems += _exhausted(position, columns)
    facts: dict[str, object] = {"sequences": len(ours)}
    if during_load and behind:
        facts["warnings"] = [problem.message for problem in behind]
        behind = []
    return Diff("*", (*behind, *problems), facts)


def match_sequences(
    source: Connection, target: Connection, tables: Sequence[MappedTable]
) -> dict[str, str]:
    """Return the target's name of each source sequence that gives values to a mapped column."""
    columns = {
        (t.source.schema, t.source.name, mine): (t.target.schema, t.target.name, theirs)
        for t in tables
        for mine, theirs in t.columns
    }
    ours = {
        (c.schema, c.table, c.name): name
        for name, drawing in _drawing(target, "target").items()
        for c in drawing
    }
    return {
        name: ours[target_column]
        for name, drawing in _drawing(source, "source").items()
        for c in drawing
        if (target_column := columns.get((c.schema, c.table, c.name))) in ours
    }


def _behind(
    position: SequenceState,
    origin: SequenceState | None,
    columns: Iterable[tuple[Column, int]],
) -> list[Finding]:
    taken = [("sequence behind its column", f"column {column}", value) for column, value in columns]
    if origin is not None:
        taken.append(("sequence behind the source", "the source's", origin.taken))
    late = [(k, whose, lack) for k, whose, value in taken if (lack := position.behind_by(value))]
    if not late:
        return []
    fix = position.set_past([value for _, _, value in taken])
    return [
        finding(
            position.name,
            kind,
            f"sequence {position.name} is behind {whose} by {lack:,}: {_REPEATS}"
            + (f"; run {fix}" if fix else ""),
            behind_by=lack,
            fix=fix,
        )
        for kind, whose, lack in late
    ]


def _read_taken(
    target: Connection, asked: Sequence[tuple[SequenceState, Column]]
) -> dict[str, list[tuple[Column, int]]]:
    """Return, for each sequence, its columns' values that are furthest in its direction."""
    queries = [(_taken_query(*each), each[1].relation) for each in asked]
    found: dict[str, list[tuple[Column, int]]] = {}
    rows = _fetch_each(target, queries, "target")
    for (position, column), (value,) in zip(asked, rows, strict=True):
        if value is not None:
            found.setdefault(position.name, []).append((column, int(value)))
    return found


def _taken_query(position: SequenceState, column: Column) -> sql.Composed:
    low, high = _INT8
    return sql.SQL(_TAKEN).format(
        edge=sql.SQL("max" if position.increment > 0 else "min"),
        column=sql.Identifier(column.name),
        table=sql.Identifier(column.schema, column.table),
        low=sql.SQL("({})::int8").format(sql.Literal(str(low))),
        high=sql.SQL("({})::int8").format(sql.Literal(str(high))),
    )


def _shared(
    drawing: Mapping[str, Sequence[Column]], origins: Mapping[tuple[str, str], frozenset[str]]
) -> Iterator[Finding]:
    """Columns that draw from one sequence, though on the source they have none in common."""
    for name, columns in drawing.items():
        known = {str(c): origins[key] for c in columns if (key := (c.relation, c.name)) in origins}
        if known and not frozenset.intersection(*known.values()):
            message = (
                f"sequence {name} gives values to {' and '.join(known)}, which draw from "
                "sequences of their own on the source; set their defaults as they are there"
            )
            yield finding(name, "sequence shared", message)


def _origins(
    source: Connection, moved: Mapping[str, str], tables: Sequence[MappedTable]
) -> dict[tuple[str, str], frozenset[str]]:
    """Which of the source's sequences each column of the target should draw from.

    Sequences that `moved`, where it is known, has no more are those that a script has dropped.
    """
    renamed = {(t.source.schema, t.source.name): dict(t.columns) for t in tables}
    found: dict[tuple[str, str], frozenset[str]] = {}
    for sequence, columns in _drawing(source, "source").items():
        for column in columns if sequence in moved or not moved else ():
            names = renamed.get((column.schema, column.table), {})
            relation = moved.get(column.relation, column.relation)
            key = relation, names.get(column.name, column.name)
            found[key] = found.get(key, frozenset()) | {sequence}
    return found


def _exhausted(position: SequenceState, columns: Iterable[Column]) -> Iterator[Finding]:
    beyond = not position.minimum <= position.following <= position.maximum
    if beyond and not position.cycle:
        message = f"sequence {position.name} is exhausted: nextval() fails"
        yield finding(position.name, "sequence exhausted", message)
        return
    for column in columns:
        if column.maximum is not None and position.following > column.maximum:
            message = f"sequence {position.name} gives more than column {column} can hold"
            yield finding(position.name, "sequence exhausted", message)


def _sequences(connection: Connection, side: str) -> dict[str, SequenceState]:
    listed = _fetch(connection, _SEQUENCES, "sequences", side)
    select = sql.SQL("select last_value, is_called from {}")
    queries = [(select.format(sql.Identifier(*names)), name) for name, *names, _, _, _, _ in listed]
    positions = _fetch_each(connection, queries, side)
    return {
        name: SequenceState(name, *position, *options)
        for (name, _, _, *options), position in zip(listed, positions, strict=True)
    }


def _drawing(connection: Connection, side: str) -> dict[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for name, *column in _fetch(connection, _DRAWING, "sequences", side):
        found.setdefault(name, []).append(Column(*column))
    return found


def _fetch(
    connection: Connection, query: str | sql.Composed, what: str, side: str
) -> list[tuple[Any, ...]]:
    plain = query.encode() if isinstance(query, str) else query
    with unreadable_on_error(side, what, what if "." in what else ""):
        return connection.execute(plain).fetchall()


def _fetch_each(
    connection: Connection, queries: Sequence[tuple[sql.Composed, str]], side: str
) -> list[tuple[Any, ...]]:
    """Return the one row of each query; of queries with an object's name, many in one statement.

    After an error they run one by one, so that the error names its object.
    """
    try:
        with connection.transaction():
            found: dict[int, tuple[Any, ...]] = {}
            for first in range(0, len(queries), _AT_ONCE):
                batch = queries[first : first + _AT_ONCE]
                rows = connection.execute(_union([query for query, _ in batch])).fetchall()
                found |= {first + n: tuple(row) for n, *row in rows}
            return [found[n] for n in range(len(queries))]
    except psycopg.Error:
        return [_fetch(connection, query, name, side)[0] for query, name in queries]


def _union(queries: Sequence[sql.Composed]) -> sql.Composed:
    numbered = sql.SQL("select {}, q.* from ({}) q")
    return sql.SQL(" union all ").join(
        numbered.format(sql.Literal(n), query) for n, query in enumerate(queries)
    )
