"""Which columns of a changed row differ, and what happened to them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from pgcutover.compare.differences.counts import Suspect
from pgcutover.compare.differences.diagnosis import SHOWN_CHARACTERS, Cell, diagnose
from pgcutover.compare.hashing.row_text import digest_of, key_digest, value_text
from pgcutover.compare.plan.model import Side
from pgcutover.compare.scan.key_domain import Cell as GridCell
from pgcutover.compare.scan.key_domain import Grid
from pgcutover.compare.scan.range_scan import VERSION, located

Versions = Counter[tuple[int, int]]
"""How often each row hash is there, with the transaction that wrote it."""
Cells = dict[int, tuple[Cell, ...]]
"""The cells of a row by the hash of its key."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one side holds of some keys: digests by which reports name them, and cells."""

    digests: dict[int, bytes] = field(default_factory=dict, repr=False)
    cells: Cells = field(default_factory=dict, repr=False)


def sampled(side: Side, grid: Grid | None, suspects: Sequence[Suspect]) -> Sampled:
    """The rows of those keys; cells of a key that is there twice are left out."""
    found: dict[int, list[tuple[Cell, ...]]] = {}
    digests: dict[int, bytes] = {}
    rows, _ = side.session.ask(_query(side, grid, suspects))
    for key, digest, *parts in rows:
        row = tuple(Cell(*parts[i : i + 4]) for i in range(0, len(parts), 4))
        found.setdefault(key, []).append(row)
        digests[key] = digest
    return Sampled(digests, {key: rows[0] for key, rows in found.items() if len(rows) == 1})


def versions_of(side: Side, grid: Grid | None, suspects: Sequence[Suspect]) -> dict[int, Versions]:
    """What those keys have in the side's snapshot; a key that is not there is left out.

    `xmin` is another one after every change (PostgreSQL 17, 5.6 "System Columns").
    """
    version = sql.SQL("r.{}::text::int8").format(VERSION)
    query = sql.SQL("select {k}, {h}, {v}, count(*) from {rows} group by 1, 2, 3").format(
        k=_ALIASED, h=side.hashes.row, v=version, rows=among(side, grid, suspects)
    )
    found: dict[int, Versions] = {}
    for key, row, xmin, count in side.session.ask(query)[0]:
        found.setdefault(key, Counter())[row, xmin] = count
    return found


def diagnosed_columns(names: Sequence[str], source: Cells, target: Cells) -> dict[str, str]:
    """Column, and the disease its values show over the sampled rows."""
    keys = sorted(source.keys() & target.keys())
    pairs = {
        name: found
        for n, name in enumerate(names)
        if (found := [(source[k][n], target[k][n]) for k in keys if source[k][n] != target[k][n]])
    }
    traded = _traded_columns(pairs)
    return {n: traded.get(n) or diagnose(found) for n, found in sorted(pairs.items())}


def _traded_columns(pairs: Mapping[str, Sequence[tuple[Cell, Cell]]]) -> dict[str, str]:
    """Columns that hold each other's values in every sampled row."""
    return {
        name: f"values swapped with {other}"
        for name, found in pairs.items()
        for other, theirs in pairs.items()
        if name != other and found == [(target, source) for source, target in theirs]
    }


def _query(side: Side, grid: Grid | None, suspects: Sequence[Suspect]) -> sql.Composed:
    return sql.SQL("select r.{key}, {digest}, {cells} from {rows}").format(
        key=KEY,
        digest=key_digest(side.table),
        cells=sql.SQL(", ").join([_cell(column) for column in side.table.columns]),
        rows=among(side, grid, suspects),
    )


KEY = sql.Identifier("pgcutover key")
_ALIASED = sql.SQL("r.{}").format(KEY)


def among(side: Side, grid: Grid | None, suspects: Sequence[Suspect]) -> sql.Composed:
    """The rows `r` of some keys, the hash of the key beside them."""
    keys = sorted({s.key for s in suspects})
    where = located(side, grid, _places(suspects))
    return sql.SQL(
        "(select r.*, {hash} as {key} from {where} offset 0) r where r.{key} = any ({keys}::int8[])"
    ).format(hash=side.hashes.key, key=KEY, where=where, keys=sql.Literal(keys))


def _places(suspects: Sequence[Suspect]) -> list[GridCell | None]:
    """Their cells; none where one of them may lie anywhere."""
    cells = [s.cell for s in suspects]
    return [] if None in cells else cells


def _cell(column: str) -> sql.Composed:
    """Text and digest are NULL where the value is, but not where a composite holds NULLs."""
    return sql.SQL(
        "case when {c} is distinct from null then left({v}, {n}) end, char_length({v}),"
        " octet_length({v}), case when {c} is distinct from null then {d} end"
    ).format(
        c=sql.SQL("r.{}").format(sql.Identifier(column)),
        v=value_text(column),
        n=sql.Literal(SHOWN_CHARACTERS),
        d=digest_of(value_text(column)),
    )
