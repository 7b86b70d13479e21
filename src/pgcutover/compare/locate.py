"""Which columns of a changed row differ, and what happened to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from pgcutover.compare.disease import Pair, Value, diagnose
from pgcutover.compare.rowtext import SideTable, digest_of, text_of, value_text
from pgcutover.compare.sessions import Connection

_SHOWN_CHARACTERS = 4000  # of a value, to diagnose by; longer ones are told apart by their digest


@dataclass(frozen=True, slots=True)
class Cell:
    """A value's beginning, its length in characters and its digest."""

    text: Value
    length: int
    digest: bytes | None


def cells(
    connection: Connection, table: SideTable, where: sql.Composable, keys: Sequence[bytes]
) -> dict[bytes, tuple[Cell, ...]]:
    """The cells of the rows with those key digests; a key that is there twice is left out."""
    found: dict[bytes, list[tuple[Cell, ...]]] = {}
    for key, *parts in connection.execute(_query(table, where, keys)):
        row = tuple(Cell(*parts[i : i + 3]) for i in range(0, len(parts), 3))
        found.setdefault(key, []).append(row)
    return {key: rows[0] for key, rows in found.items() if len(rows) == 1}


def diagnosed_columns(
    names: Sequence[str],
    source: Mapping[bytes, tuple[Cell, ...]],
    target: Mapping[bytes, tuple[Cell, ...]],
) -> dict[str, str]:
    """Column, and the disease its values show over the sampled rows."""
    pairs: dict[str, list[Pair]] = {}
    for key in source.keys() & target.keys():
        for name, a, b in zip(names, source[key], target[key], strict=True):
            if a != b:
                pairs.setdefault(name, []).append((a.text, b.text))
    return {name: diagnose(found) for name, found in sorted(pairs.items())}


def _query(table: SideTable, where: sql.Composable, keys: Sequence[bytes]) -> sql.Composed:
    key = digest_of(text_of(table.key or table.columns))
    return sql.SQL(
        "select {key}, {cells} from {table} r where {where} and {key} = any ({keys})"
    ).format(
        key=key,
        keys=sql.Literal(list(keys)),
        cells=sql.SQL(", ").join([_cell(column) for column in table.columns]),
        table=table.identifier,
        where=where,
    )


def _cell(column: str) -> sql.Composed:
    """The text and digest are NULL where the value is, but not where a composite holds NULLs."""
    return sql.SQL(
        "case when {c} is distinct from null then left({v}, {n}) end,"
        " char_length({v}), case when {c} is distinct from null then {d} end"
    ).format(
        c=sql.SQL("r.{}").format(sql.Identifier(column)),
        v=value_text(column),
        n=sql.Literal(_SHOWN_CHARACTERS),
        d=digest_of(value_text(column)),
    )
