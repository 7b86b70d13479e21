"""Classifies recent rows that differ by what went wrong between the two writes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import sql

from pgcutover.compare.hashing.row_text import ComparedTable, digest_of, text_of
from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.sides import Sides
from pgcutover.text.words import count_noun

LIMIT = 20_000
"""Newest rows of each side that are read."""
_DEFAULTS = """
select a.attname, coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity <> ''
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
 where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
"""
_GENERATING = re.compile(r"nextval|now\(|timestamp\(|CURRENT_|LOCAL|uuid|random", re.I)


class RecentRow(NamedTuple):
    """A row: digests of its key, of all columns, and of those that no default generates."""

    key: bytes
    recent: str
    whole: bytes
    given: bytes


@dataclass(frozen=True, slots=True)
class Cause:
    """A class of differences: its kind, and the sentence that follows the number of rows."""

    kind: str
    meaning: str


LOST = Cause(
    "second write lost",
    "of the source did not reach the target, or an older version did: the second write failed or "
    "was not made",
)
INVERTED = Cause(
    "order inverted",
    "have a newer version on the target than on the source: two writes arrived in another order, "
    "or somebody wrote to the target alone",
)
CHANGED = Cause(
    "versions differ",
    "are of the same time on both sides and differ: both writes computed their values by "
    "themselves, or a late change overwrote one",
)
GENERATED = Cause(
    "generated twice",
    "differ only in values that a default made on each side: pass the source's values to the "
    "second write",
)
REPEATED = Cause(
    "insert repeated",
    "of the target repeat another row under a new key: the second write was made twice, or the "
    "target gave the key itself",
)
ALONE = Cause("written on the target alone", "are on the target alone: somebody wrote there only")


def classify(source: Sequence[RecentRow], target: Sequence[RecentRow]) -> dict[bytes, Cause]:
    """Return the cause of each key whose rows differ."""
    here, there = {r.key: r for r in source}, {r.key: r for r in target}
    found: dict[bytes, Cause] = {}
    for key in here.keys() & there.keys():
        if here[key].whole != there[key].whole:
            found[key] = _of_both(here[key], there[key])
    missing = {row.given: key for key, row in here.items() if key not in there}
    given = {row.given for row in here.values()}
    for key in there.keys() - here.keys():
        twin = missing.pop(there[key].given, None)
        if twin is not None:  # one row with two generated keys
            found[key] = found[twin] = GENERATED
        else:
            found[key] = REPEATED if there[key].given in given else ALONE
    for key in here.keys() - there.keys() - found.keys():
        found[key] = LOST
    return found


def _of_both(here: RecentRow, there: RecentRow) -> Cause:
    if here.given == there.given:
        return GENERATED
    if here.recent == there.recent:
        return CHANGED
    return LOST if here.recent > there.recent else INVERTED


def recent_diff(
    name: str,
    causes: Mapping[bytes, Cause],
    still: Mapping[bytes, Cause],
    read: Sides[Sequence[RecentRow]],
) -> Diff:
    """Report what differed in two readings; what differed in the first alone was in flight."""
    counted = Counter(still[key] for key in causes.keys() & still.keys())
    problems = tuple(
        finding(name, cause.kind, f"{name}: {count_noun(count, 'recent row')} {cause.meaning}")
        for cause, count in sorted(counted.items(), key=lambda each: each[0].kind)
    )
    in_flight = len(causes.keys() - still.keys())
    facts = {"in_flight": in_flight, "rows_read": len(read.source)}
    return Diff(name, problems, facts)


def fetch_recent(
    connection: Connection,
    side: str,
    table: ComparedTable,
    recent: str,
    condition: sql.Composed,
    generated: Sequence[str],
) -> list[RecentRow]:
    """Return the newest rows of a side that fulfil the condition."""
    given = [c for c in table.columns if c not in generated] or [*table.columns]
    query = sql.SQL(
        "select {key}, {recent}, {whole}, {given} from {table} r where {condition}"
        " order by r.{column} desc limit {limit}"
    ).format(
        key=_digest(table, table.key or table.columns),
        # in UTC and ISO, so that texts sort as times do
        recent=sql.SQL("coalesce(r.{}::text, '')").format(sql.Identifier(recent)),
        whole=_digest(table, table.columns),
        given=_digest(table, given),
        table=table.relation,
        condition=condition,
        column=sql.Identifier(recent),
        limit=sql.Literal(LIMIT),
    )
    with unreadable_on_error(side, str(table.name)):
        rows = connection.execute(query).fetchall()
    return [RecentRow(bytes(k), text, bytes(w), bytes(g)) for k, text, w, g in rows]


def read_generated(source: Connection, table: ComparedTable) -> list[str]:
    """Return the columns of the source whose defaults give other values each time."""
    with unreadable_on_error("source", str(table.name)):
        rows = source.execute(_DEFAULTS.encode(), [table.name.schema, table.name.name]).fetchall()
    return [name for name, text, identity in rows if identity or _GENERATING.search(text)]


def _digest(table: ComparedTable, columns: Sequence[str]) -> sql.Composed:
    return digest_of(text_of(columns, table.encoding))
