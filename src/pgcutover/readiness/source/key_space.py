"""Integer keys and sequences of the source that are near their end.

A value beyond the type or the sequence's maximum is an error for the application, on the target as
on the source.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.mapping import RelationName
from pgcutover.readiness.situation import Situation
from pgcutover.text.words import count_noun

_WARN, _FAIL = 0.5, 0.8
_LIMITS = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1}
_COLUMNS_AT_ONCE = 100
_NAMED = 5

# columns whose greatest value an index gives at once: the first of a valid, whole btree
_INDEXED = """
select distinct n.nspname, c.relname, a.attname, coalesce(nullif(b.typname, ''), y.typname)
from unnest(%s::text[], %s::text[]) as m (schema, name)
join pg_namespace n on n.nspname = m.schema
join pg_class c on c.relnamespace = n.oid and c.relname = m.name and c.relkind in ('r', 'p')
join pg_index i on i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
join pg_class x on x.oid = i.indexrelid
join pg_am h on h.oid = x.relam and h.amname = 'btree'
join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
join pg_type y on y.oid = a.atttypid
left join pg_type b on b.oid = y.typbasetype
where coalesce(b.typname, y.typname) in ('int2', 'int4', 'int8')
  and has_column_privilege(a.attrelid, a.attnum, 'select') and not row_security_active(c.oid)
order by 1, 2, 3
"""
# the last value is NULL where the role may not read it; what a column of a narrower type draws
# from ends with the type
_SEQUENCES = """
with drawn as (
    select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number
    from pg_depend d
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
      and d.deptype in ('a', 'i') and d.refobjsubid > 0
    union
    select d.refobjid, f.adrelid, f.adnum
    from pg_depend d join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
    where d.refclassid = 'pg_class'::regclass
)
select format('%I.%I', n.nspname, c.relname),
       case when s.seqincrement > 0 then s.seqmax else s.seqmin end,
       case when s.seqincrement > 0 then s.seqmin else s.seqmax end,
       q.last_value, has_sequence_privilege(c.oid, 'select, usage'),
       min(case y.typname when 'int2' then 32767 when 'int4' then 2147483647 end),
       min(case when a.attname is not null
                then format('%I.%I.%I', tn.nspname, t.relname, a.attname) end)
from pg_sequence s join pg_class c on c.oid = s.seqrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_sequences q on q.schemaname = n.nspname and q.sequencename = c.relname
left join drawn d on d.sequence = c.oid
left join pg_class t on t.oid = d.relation
left join pg_namespace tn on tn.oid = t.relnamespace
left join pg_attribute a on a.attrelid = d.relation and a.attnum = d.number
left join pg_type w on w.oid = a.atttypid
left join pg_type y on y.oid = coalesce(nullif(w.typbasetype, 0), w.oid)
where not s.seqcycle and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
group by 1, 2, 3, 4, 5 order by 1
"""


def judge_key_space(source: Connection, tables: Sequence[RelationName]) -> Situation:
    """Check that no integer key and no sequence has used most of its numbers."""
    found = Situation()
    told = _judge_sequences(found, source)
    for name, kind, greatest in _greatest(source, tables):
        limit = _LIMITS[kind]
        if name not in told:
            where = f"key {name} ({kind})"
            remedy = "change the column to bigint"
            _add(found, name, where, greatest / limit, limit - greatest, remedy)
    return found


def _judge_sequences(found: Situation, source: Connection) -> set[str]:
    """Judge each sequence; return the columns that draw from those that were reported."""
    told, hidden = set[str](), list[str]()
    for name, end, begin, last, readable, narrow, column in source.execute(_SEQUENCES.encode()):
        if not readable:
            hidden.append(name)
        if last is None:
            continue
        limit, left = _limit(begin, end, last, narrow)
        where = f"sequence {name}" + (f" of {column}" if column else "")
        remedy = "change the column and the sequence to bigint" if column else "raise its MAXVALUE"
        used = (last - begin) / (limit - begin) if limit != begin else 1.0
        if _add(found, name, where, used, left, remedy):
            told.add(str(column))
    if hidden:
        role = sql.Identifier(source.info.user).as_string()
        named = ", ".join(hidden[:_NAMED]) + (", ..." if hidden[_NAMED:] else "")
        found.warnings.append(
            f"{count_noun(len(hidden), 'sequence')} of the source cannot be read, so how many "
            f"numbers are left is not known; run there: grant select on sequence {named} to {role}"
        )
    return told


def _limit(begin: int, end: int, last: int, narrow: int | None) -> tuple[int, int]:
    """Return the last number that fits, and how many numbers are left before it."""
    if end < begin:
        limit = end if narrow is None else max(end, -narrow - 1)
        return limit, max(last - limit, 0)
    limit = end if narrow is None else min(end, narrow)
    return limit, max(limit - last, 0)


def _add(found: Situation, name: str, where: str, used: float, left: int, remedy: str) -> bool:
    """Add a problem or a warning if most numbers are used; return whether it did."""
    if used < _WARN:
        return False
    numbers = "1 number is" if left == 1 else f"{left:,} numbers are"
    found.add(
        name,
        "near its end",
        f"{where} of the source has used {math.floor(used * 1000) / 10} % of its numbers; "
        f"{numbers} left, and then every insert fails; {remedy}, on both sides",
        fails=used >= _FAIL,
    )
    return True


def _greatest(source: Connection, tables: Sequence[RelationName]) -> Iterator[tuple[str, str, int]]:
    """Yield each indexed integer column as `schema.table.column`, its type and greatest value."""
    parameters: list[Any] = [[t.schema for t in tables], [t.name for t in tables]]
    columns = source.execute(_INDEXED.encode(), parameters).fetchall()
    for start in range(0, len(columns), _COLUMNS_AT_ONCE):
        some = columns[start : start + _COLUMNS_AT_ONCE]
        parts = [
            sql.SQL("(select max({}) from {})").format(
                sql.Identifier(column), sql.Identifier(schema, table)
            )
            for schema, table, column, _ in some
        ]
        row = source.execute(sql.SQL("select {}").format(sql.SQL(", ").join(parts))).fetchone()
        for (schema, table, column, kind), value in zip(some, row or (), strict=True):
            if value is not None:
                yield f"{schema}.{table}.{column}", kind, int(value)
