"""Samples rows that differ, and diagnoses the differing columns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from pgcutover.compare.differences.counts import SuspectKey
from pgcutover.compare.differences.diagnosis import SHOWN_CHARACTERS, ValueSample, diagnose
from pgcutover.compare.hashing.row_text import digest_of, key_digest, value_text
from pgcutover.compare.plan.key_domain import KeyDomain, KeyRange
from pgcutover.compare.plan.model import TableComparison, TableSide
from pgcutover.compare.plan.range_sql import VERSION, rows_in_ranges

Versions = Counter[tuple[int, int]]
"""The number of each row hash, with the transaction that wrote it."""
_COLUMNS_A_QUERY = 400  # of four expressions each
Values = dict[int, tuple[ValueSample, ...]]
"""The values of a row by the hash of its key."""


@dataclass(frozen=True, slots=True)
class RowSample:
    """Rows of some keys on one side: digests by which reports name them, and values."""

    digests: dict[int, bytes] = field(default_factory=dict, repr=False)
    values: Values = field(default_factory=dict, repr=False)


def fetch_sample(
    comparison: TableComparison, side: TableSide, suspects: Sequence[SuspectKey]
) -> RowSample:
    """Return the rows of some keys; without the values of keys that occur twice.

    A query returns at most 1664 columns (PostgreSQL 17, appendix K "PostgreSQL Limits"), so a
    wide table is read in several queries of the same snapshot.
    """
    digests: dict[int, bytes] = {}
    values: dict[int, tuple[ValueSample, ...]] = {}
    repeated: set[int] = set()
    types = comparison.common_types
    selected = [_value(*column) for column in zip(side.table.columns, types, strict=True)]
    found = rows_of_keys(side, comparison.key_domain, suspects)
    for group in _groups(selected):
        rows = side.fetch(_query(side, group, found))
        digests = {key: digest for key, digest, *_ in rows}
        repeated |= {key for key, times in Counter(row[0] for row in rows).items() if times > 1}
        for key, _, *parts in rows:
            read = tuple(ValueSample(*parts[i : i + 4]) for i in range(0, len(parts), 4))
            values[key] = (*values.get(key, ()), *read)
    return RowSample(digests, {k: row for k, row in values.items() if k not in repeated})


def _groups(columns: Sequence[sql.Composed]) -> list[Sequence[sql.Composed]]:
    """Return the columns in groups, one empty group for a table without columns."""
    starts = range(0, len(columns), _COLUMNS_A_QUERY) or range(1)
    return [columns[start : start + _COLUMNS_A_QUERY] for start in starts]


def fetch_versions(
    side: TableSide, domain: KeyDomain | None, suspects: Sequence[SuspectKey]
) -> dict[int, Versions]:
    """Return the row versions of some keys in the side's snapshot, without absent keys.

    `xmin` changes with every modification (PostgreSQL 17, 5.6 "System Columns").
    """
    version = sql.SQL("r.{}::text::int8").format(VERSION)
    query = sql.SQL("select {k}, {h}, {v}, count(*) from {rows} group by 1, 2, 3").format(
        k=_ALIASED, h=side.hashes.row, v=version, rows=rows_of_keys(side, domain, suspects)
    )
    found: dict[int, Versions] = {}
    for key, row, xmin, count in side.fetch(query):
        found.setdefault(key, Counter())[row, xmin] = count
    return found


def diagnose_columns(names: Sequence[str], source: Values, target: Values) -> dict[str, str]:
    """Return the differing columns, and the cause that their sampled values show."""
    keys = sorted(source.keys() & target.keys())
    pairs = {
        name: found
        for n, name in enumerate(names)
        if (found := [(source[k][n], target[k][n]) for k in keys if source[k][n] != target[k][n]])
    }
    swapped = _swapped_columns(pairs)
    return {n: swapped.get(n) or diagnose(found) for n, found in sorted(pairs.items())}


def _swapped_columns(
    pairs: Mapping[str, Sequence[tuple[ValueSample, ValueSample]]],
) -> dict[str, str]:
    """Return columns that hold each other's values in every sampled row."""
    return {
        name: f"values swapped with {other}"
        for name, found in pairs.items()
        for other, theirs in pairs.items()
        if name != other and found == [(target, source) for source, target in theirs]
    }


def _query(side: TableSide, values: Sequence[sql.Composed], rows: sql.Composed) -> sql.Composed:
    selected = [sql.SQL("r.{}").format(KEY), key_digest(side.table), *values]
    return sql.SQL("select {} from {}").format(sql.SQL(", ").join(selected), rows)


KEY = sql.Identifier("pgcutover key")
_ALIASED = sql.SQL("r.{}").format(KEY)


def rows_of_keys(
    side: TableSide, domain: KeyDomain | None, suspects: Sequence[SuspectKey]
) -> sql.Composed:
    """Return the rows `r` of some keys with the hash of their key, to stand after FROM."""
    keys = sorted({s.key for s in suspects})
    where = rows_in_ranges(side, domain, _ranges(suspects))
    return sql.SQL(
        "(select r.*, {hash} as {key} from {where} offset 0) r where r.{key} = any ({keys}::int8[])"
    ).format(hash=side.hashes.key, key=KEY, where=where, keys=sql.Literal(keys))


def _ranges(suspects: Sequence[SuspectKey]) -> list[KeyRange | None]:
    """Return the key ranges; none where one of the keys may be anywhere."""
    ranges = [s.key_range for s in suspects]
    return [] if None in ranges else ranges


def _value(column: str, common_type: str) -> sql.Composed:
    """Return the expressions of a ValueSample: first characters, lengths and digest.

    Text and digest are NULL where the value is, but not where a composite holds NULLs. Values of
    text and bytea may be large, so they are not written as text again for each expression, and
    their first characters are cut from a slice (PostgreSQL 17, 65.2 "TOAST").
    """
    value = sql.SQL("r.{}").format(sql.Identifier(column))
    text = value if common_type in ("text", "varchar") else value_text(column)
    begin = sql.SQL("substring({} from 1 for {})").format(text, sql.Literal(SHOWN_CHARACTERS))
    characters = sql.SQL("char_length({})").format(text)
    octets, digest = sql.SQL("octet_length({})").format(text), digest_of(text)
    if common_type == "bytea":
        begin = sql.SQL("left('\\x' || encode(substring({v} from 1 for {n}), 'hex'), {n})").format(
            v=value, n=sql.Literal(SHOWN_CHARACTERS)
        )
        characters = octets = sql.SQL("2 + 2 * octet_length({})").format(value)
        digest = sql.SQL("sha256({})").format(value)
    return sql.SQL(
        "case when {v} is distinct from null then {begin} end, coalesce({characters}, 0),"
        " coalesce({octets}, 0), case when {v} is distinct from null then {digest} end"
    ).format(v=value, begin=begin, characters=characters, octets=octets, digest=digest)
