"""Finds rows of the target whose foreign key references no row, even under a valid constraint."""

import re
from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from pgcutover.catalog import ExpectedForeignKey, Manifest
from pgcutover.catalog.model import ForeignKey
from pgcutover.catalog.read import SideCatalog
from pgcutover.compare.hashing.row_text import ComparedTable, digest_of, text_of
from pgcutover.compare.plan.spec import is_plain
from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.errors import UnreadableError
from pgcutover.key_hash.hashing import KeyHash
from pgcutover.mapping import MappedTable
from pgcutover.text.words import agree, count_noun

_SAMPLE_LIMIT = 20


def mapped_key(manifest: Manifest, expected: ExpectedForeignKey) -> ForeignKey | None:
    """Return a foreign key under the target's names; None where neither side has it."""
    key, table = expected.source, expected.table
    if key is None or table is None:
        return manifest.target_catalog.foreign_key(expected.name)
    parent = manifest.source_table(key.referenced)
    return replace(
        key,
        table=table.target,
        columns=_mapped_columns(table, key.columns),
        referenced=parent.target if parent else key.referenced,
        referenced_columns=_mapped_columns(parent, key.referenced_columns),
    )


def _mapped_columns(table: MappedTable | None, columns: Sequence[str]) -> tuple[str, ...]:
    names = dict(table.columns) if table else {}
    return tuple(names.get(column, column) for column in columns)


def orphan_diff(
    connection: Connection, name: str, key: ForeignKey, catalog: SideCatalog, key_hash: KeyHash
) -> Diff:
    """Count orphans and rows that MATCH FULL forbids, and sample the hashes of their keys."""
    child, parent = (
        ComparedTable(table, key.columns, (), is_plain(catalog, table)).relation
        for table in (key.table, key.referenced)
    )
    broken = sql.SQL("from {} r where {}").format(child, _broken(key, parent))
    with unreadable_on_error("target", name):
        (count,) = connection.execute(sql.SQL("select count(*) {}").format(broken)).fetchone() or (
            0,
        )
        if not count:
            return Diff(name, (), {"orphans": 0})
        sample = connection.execute(_sample(key, broken)).fetchall()
    keys = [key_hash(digest) for (digest,) in sample]
    message = (
        f"{name}: {count_noun(count, 'row')} of {key.table} "
        f"{agree(count, 'points', 'point')} at rows that {key.referenced} does not have, "
        f"key hashes {' '.join(keys[:3])}"
    )
    return Diff(name, (finding(name, "orphans", message, count=count, key_hashes=keys),))


def _sample(key: ForeignKey, broken: sql.Composable) -> sql.Composed:
    return sql.SQL("select distinct {} as k {} order by k limit {}").format(
        digest_of(text_of(key.columns)), broken, sql.Literal(_SAMPLE_LIMIT)
    )


def _broken(key: ForeignKey, parent: sql.Composable) -> sql.Composed:
    lost = sql.SQL("({} and not exists (select from {} p where {}))").format(
        _all_set(key.columns), parent, _joined(key)
    )
    if key.match != "f":
        return lost
    some = sql.SQL(" or ").join([_is_set(c) for c in key.columns])
    return sql.SQL("({} or (({}) and not ({})))").format(lost, some, _all_set(key.columns))


def _all_set(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(" and ").join([_is_set(c) for c in columns])


def _is_set(column: str) -> sql.Composed:
    return sql.SQL("r.{} is distinct from null").format(sql.Identifier(column))


def _joined(key: ForeignKey) -> sql.Composed:
    """Join by the key's own operators: under our search_path citext would be compared as text."""
    operators = key.operators or (("pg_catalog", "="),) * len(key.columns)
    parts = zip(key.columns, key.referenced_columns, operators, strict=True)
    return sql.SQL(" and ").join(
        [
            sql.SQL("p.{} operator({}.{}) r.{}").format(
                sql.Identifier(parent),
                sql.Identifier(schema),
                sql.SQL(_symbol(name)),
                sql.Identifier(child),
            )
            for child, parent, (schema, name) in parts
        ]
    )


def _symbol(operator: str) -> str:
    """Return the operator's name, which is not quoted in SQL; UnreadableError for another."""
    if not re.fullmatch(r"[-+*/<>=~!@#%^&|`?]+", operator):
        raise UnreadableError(f"a foreign key compares with {operator!r}, which is no operator")
    return operator
