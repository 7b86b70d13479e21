"""The SQL that hashes a row and its key to 64 bits each.

Types with a seeded hash function are chained; all other columns are hashed first, as one record.
`hashint4extended(1, …)` around a record is necessary: PostgreSQL combines a record's columns
linearly, so the sum of bare record hashes misses two values swapped between rows. The seed is never
0: in a record NULL hashes to 0, and with seed 0 so would 0.0 and NaN.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from pgcutover.compare.hashing.calibration import LONG_TEXT, ROW, SHA256
from pgcutover.compare.hashing.encode import Encoding
from pgcutover.compare.hashing.hash_chain import ChainHash, Sentinels, chain_hash, sentinels_from
from pgcutover.compare.hashing.row_text import ComparedTable, by_whole_key, digest_of, text_of

_ROW_ENTRIES = 800  # of at most 1664 in one ROW()
_LINKS = 100  # each nests an expression deeper, and max_stack_depth may be small


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of one table's row and key hashes, and the sentinels of its chains."""

    row: int
    key: int
    sentinels: Sentinels


def seeds_from(salt: str, table: str) -> Seeds:
    """Return seeds that differ in each run, so that no two rows collide in all runs."""
    digest = hashlib.sha256(f"{salt}:{table}".encode()).digest()
    row, key = (int.from_bytes(digest[n : n + 8], "big", signed=True) for n in (0, 8))
    return Seeds(row or 1, key or 1, sentinels_from(salt, table))


@dataclass(frozen=True, slots=True)
class SideHash:
    """One side's expressions over the row `r`: hash of all compared columns, hash of the key.

    `strict` hashes the columns that are compared exactly, where others have a tolerance.
    """

    table: ComparedTable
    row: sql.Composed
    key: sql.Composed
    strict: sql.Composed | None = None


def build_side_hash(
    table: ComparedTable,
    encodings: Mapping[str, Encoding],
    method: str,
    seeds: Seeds,
    bins: Mapping[str, sql.Composed],
) -> SideHash:
    """Return the hashes of a side.

    `encodings` are used by the row hash alone. `bins` are the texts that replace the values of
    columns with a tolerance.
    """
    key = table.key or table.columns
    strict = [c for c in table.columns if c not in bins]

    def hashed(columns: Sequence[str], seed: int) -> sql.Composed:
        if method == ROW:
            return _chain([encodings[c] for c in columns], seed, seeds.sentinels)
        by_text = {LONG_TEXT: _text_hash, SHA256: _sha256}[method]
        return by_text(text_of(columns, table.encoding, bins), seed)

    return SideHash(
        table,
        hashed(table.columns, seeds.row),
        by_whole_key(table, hashed(key, seeds.key), hashed(table.columns, seeds.key))
        if table.key_may_be_null
        else hashed(key, seeds.key),
        hashed(strict, seeds.row) if bins else None,
    )


def _chain(encodings: Sequence[Encoding], seed: int, sentinels: Sentinels) -> sql.Composed:
    """Return the chain: a record of the columns without a chain hash, then value after value."""
    record: list[sql.Composed] = []
    links: list[tuple[ChainHash, sql.Composed]] = []
    for each in encodings:
        if each.link and len(links) < _LINKS:
            links.append((each.link, each.expression))
        else:
            record.append(each.expression)
    hashed = _record(record, seed)
    if not links:
        return sql.SQL("hashint4extended(1, {})").format(hashed)
    for link, value in links:
        hashed = chain_hash(link, value, hashed, sentinels)
    return hashed


def _record(expressions: Sequence[sql.Composed], seed: int) -> sql.Composed:
    """Return a record hash in groups, because ROW() has a limit.

    Each group begins with the hash of those before it. As its seed alone that would be lost where
    all columns of the group are NULL.
    """
    seeded, before = _number(seed), list[sql.Composed]()
    hashed = seeded
    for start in range(0, len(expressions), _ROW_ENTRIES):
        group = [*before, *expressions[start : start + _ROW_ENTRIES]]
        listed = sql.SQL(", ").join(group)
        hashed = sql.SQL("hash_record_extended(row({}), {})").format(listed, seeded)
        before = [sql.SQL("int8send({})").format(hashed)]
    return hashed


def _text_hash(text: sql.Composed, seed: int) -> sql.Composed:
    return sql.SQL('hashtextextended(({}) collate "C", {})').format(text, _number(seed))


def _sha256(text: sql.Composed, seed: int) -> sql.Composed:
    """Return 64 bits of the digest; the seed before the text separates rows from keys."""
    seeded = sql.SQL("{} || {}").format(sql.Literal(f"{seed};"), text)
    return sql.SQL("('x' || encode(substring({} for 8), 'hex'))::bit(64)::bigint").format(
        digest_of(seeded)
    )


def _number(value: int) -> sql.Composed:
    return sql.SQL("({})::bigint").format(sql.Literal(str(value)))
