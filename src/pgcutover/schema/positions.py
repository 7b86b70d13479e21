"""Whether sequences can be drawn from: the next value is one that nobody has yet.

No mover carries positions of sequences (AWS DMS, "Limitations on using a PostgreSQL source"), and
a standalone sequence cannot be derived from any column, so the source's position counts too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.compare.diffs import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.redact import describe_error
from pgcutover.verdict import Finding

Connection = psycopg.Connection[Any]
_SEQUENCES = """
select format('%I.%I', n.nspname, c.relname), n.nspname, c.relname,
       s.seqincrement, s.seqmin, s.seqmax, s.seqcycle
from pg_sequence s join pg_class c on c.oid = s.seqrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
  and c.relpersistence <> 't'
order by 1
"""
# a column draws from a sequence that it owns, that is its identity, or that its default names
_DRAWING = """
select distinct format('%I.%I', n.nspname, s.relname), tn.nspname, t.relname, a.attname
from pg_class s join pg_namespace n on n.oid = s.relnamespace
join pg_depend d on (d.classid = 'pg_class'::regclass and d.objid = s.oid
                     and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i'))
                 or (d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
                     and d.refobjid = s.oid)
left join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
join pg_class t on t.oid = coalesce(f.adrelid, d.refobjid) and t.relkind in ('r', 'p')
join pg_namespace tn on tn.oid = t.relnamespace
join pg_attribute a on a.attrelid = t.oid and a.attnum = coalesce(f.adnum, d.refobjsubid)
join pg_type y on y.oid = a.atttypid and y.typcategory = 'N'
where s.relkind = 'S' and not t.relispartition
order by 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence and where it stands; `following` is what the next nextval gives."""

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

    def lacks(self, taken: int) -> int:
        """By how much the next value is not yet beyond one that is taken; 0 where it is."""
        behind = taken - self.following if self.increment > 0 else self.following - taken
        return behind + 1 if behind >= 0 else 0


def sequences_diff(source: Connection, target: Connection, moved: Mapping[str, str]) -> Diff:
    """Sequences of the target whose next value the source, or a column, has already.

    `moved` is the target's name of each relation of the source; others keep theirs.
    """
    theirs, ours = _sequences(source, "source"), _sequences(target, "target")
    problems: list[Finding] = []
    for name, sequence in theirs.items():
        if (own := ours.get(moved.get(name, name))) is not None:
            problems += _behind_source(own, sequence)
    drawing = _drawing(target)
    for name, sequence in ours.items():
        for schema, table, column in drawing.get(name, ()):
            problems += _behind_column(target, sequence, (schema, table, column))
        problems += _exhausted(sequence)
    return Diff("*", tuple(problems), {"sequences": len(ours)})


def _behind_source(own: Sequence, source: Sequence) -> Iterator[Finding]:
    if source.is_called and (lacking := own.lacks(source.last)):
        yield _behind(own, lacking, "sequence behind the source", "the source's")


def _behind_column(
    target: Connection, sequence: Sequence, column: tuple[str, str, str]
) -> Iterator[Finding]:
    schema, table, name = column
    edge = sql.SQL("max" if sequence.increment > 0 else "min")
    query = sql.SQL("select {}({})::numeric from {}").format(
        edge, sql.Identifier(name), sql.Identifier(schema, table)
    )
    ((taken,),) = _asked(target, query, f"{schema}.{table}", "target")
    if taken is not None and (lacking := sequence.lacks(int(taken))):
        what = f"column {schema}.{table}.{name}"
        yield _behind(sequence, lacking, "sequence behind its column", what)


def _behind(sequence: Sequence, lacking: int, kind: str, whose: str) -> Finding:
    message = (
        f"sequence {sequence.name} is behind {whose} by {lacking:,}, so inserts would fail or "
        "repeat ids; set it past both"
    )
    return finding(sequence.name, kind, message, behind_by=lacking)


def _exhausted(sequence: Sequence) -> Iterator[Finding]:
    beyond = not sequence.minimum <= sequence.following <= sequence.maximum
    if beyond and not sequence.cycle:
        message = f"sequence {sequence.name} has come to its end and gives no value any more"
        yield finding(sequence.name, "sequence exhausted", message)


def _sequences(connection: Connection, side: str) -> dict[str, Sequence]:
    found = {}
    for name, schema, relation, *options in _asked(connection, _SEQUENCES, "sequences", side):
        query = sql.SQL("select last_value, is_called from {}").format(
            sql.Identifier(schema, relation)
        )
        ((last, is_called),) = _asked(connection, query, name, side)
        found[name] = Sequence(name, last, is_called, *options)
    return found


def _drawing(target: Connection) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    for name, *column in _asked(target, _DRAWING, "sequences", "target"):
        found.setdefault(name, []).append((column[0], column[1], column[2]))
    return found


def _asked(
    connection: Connection, query: str | sql.Composed, what: str, side: str
) -> list[tuple[Any, ...]]:
    plain = query.encode() if isinstance(query, str) else query
    try:
        return connection.execute(plain).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        raise UnreadableError(
            f"{what}: the {side}'s role may not read it; grant select on {what}"
        ) from error
    except psycopg.Error as error:
        raise UnreadableError(
            f"{what}: the {side} could not be read: {describe_error(error)}"
        ) from error
