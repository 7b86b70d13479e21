"""Which columns of a changed row differ, and what happened to them."""

from collections.abc import Mapping, Sequence

from psycopg import sql

from pgcutover.compare.disease import SHOWN_CHARACTERS, Cell, diagnose
from pgcutover.compare.rowtext import SideTable, among, digest_of, key_digest, value_text
from pgcutover.compare.sessions import Connection

Cells = dict[bytes, tuple[Cell, ...]]
"""The cells of a row by the digest of its key."""


def cells(
    connection: Connection, table: SideTable, where: sql.Composable, keys: Sequence[bytes]
) -> Cells:
    """The cells of the rows with those key digests; a key that is there twice is left out."""
    found: dict[bytes, list[tuple[Cell, ...]]] = {}
    for key, *parts in connection.execute(_query(table, where, keys)):
        row = tuple(Cell(*parts[i : i + 4]) for i in range(0, len(parts), 4))
        found.setdefault(key, []).append(row)
    return {key: rows[0] for key, rows in found.items() if len(rows) == 1}


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


def _query(table: SideTable, where: sql.Composable, keys: Sequence[bytes]) -> sql.Composed:
    key = key_digest(table)
    return sql.SQL("select {key}, {cells} from {table} r where {where}{only_keys}").format(
        key=key,
        cells=sql.SQL(", ").join([_cell(column) for column in table.columns]),
        table=table.relation,
        where=where,
        only_keys=among(key, keys),
    )


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
