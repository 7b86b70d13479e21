"""Judges the rules by which AWS DMS loads a table in segments: `parallel-load`.

DMS user guide, "Table and collection settings rules and operations": a load by ranges of columns
leaves out rows with NULL in them, and a load by a list of partitions loads only those.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms.settings.risk import SettingProblem

Connection = psycopg.Connection[Any]

_COLUMNS = """
select a.attname, a.attnotnull
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
"""
_PARTITIONS = """
select p.relname
from pg_catalog.pg_inherits i
join pg_catalog.pg_class p on p.oid = i.inhrelid and p.relispartition
join pg_catalog.pg_class c on c.oid = i.inhparent
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s
order by p.relname
"""


def judge_table_settings(
    source: Connection, mappings: Mapping[str, Any], tables: Iterable[MappedTable]
) -> Iterator[SettingProblem]:
    """Yield the rules of the task that leave out rows, or that name no table of the task."""
    moved = {name for table in tables for name in (table.source, *table.partitions)}
    for rule in mappings.get("rules", []):
        if rule.get("rule-type") == "table-settings":
            locator = rule.get("object-locator") or {}
            name = RelationName(locator.get("schema-name", ""), locator.get("table-name", ""))
            where = f"table-settings rule {rule.get('rule-name') or rule.get('rule-id')}"
            if name in moved:
                yield from _judge_load(source, where, name, rule.get("parallel-load") or {})
            else:
                yield SettingProblem(
                    where,
                    f"{where} names {name}, which the task does not move: it has no effect, and "
                    "takes no wildcard; correct the name or remove the rule",
                    is_warning=True,
                )


def _judge_load(
    source: Connection, where: str, table: RelationName, load: Mapping[str, Any]
) -> Iterator[SettingProblem]:
    kind = load.get("type", "none")
    if kind == "ranges":
        yield from _judge_ranges(source, where, table, load.get("columns") or [])
    elif kind == "partitions-list":
        yield from _judge_partitions(source, where, table, load.get("partitions") or [])
    elif kind not in ("none", "partitions-auto"):
        yield SettingProblem(
            str(table),
            f"{where} loads {table} by {kind!r}, which AWS does not document for PostgreSQL; use "
            "ranges of a column that is NOT NULL",
            is_warning=True,
        )


def _judge_ranges(
    source: Connection, where: str, table: RelationName, columns: Iterable[str]
) -> Iterator[SettingProblem]:
    not_null = dict(source.execute(_COLUMNS, [table.schema, table.name]).fetchall())
    for column in columns:
        if column not in not_null:
            yield SettingProblem(
                str(table),
                f"{where} loads {table} by ranges of {column}, which the source does not have; "
                "correct the name",
            )
        elif not not_null[column]:
            yield _describe_nulls(where, table, column, _has_nulls(source, table, column))


def _has_nulls(source: Connection, table: RelationName, column: str) -> bool:
    query = sql.SQL("select exists (select from {} where {} is null)").format(
        sql.Identifier(table.schema, table.name), sql.Identifier(column)
    )
    row = source.execute(query).fetchone()
    return bool(row and row[0])


def _describe_nulls(
    where: str, table: RelationName, column: str, has_nulls: bool
) -> SettingProblem:
    found = "rows of the source have" if has_nulls else "no row of the source has now"
    return SettingProblem(
        str(table),
        f"{where} loads {table} by ranges of {column}, and DMS leaves out rows with NULL in it, "
        f"which {found}; use a column that is NOT NULL, and load the table again",
        is_warning=not has_nulls,
    )


def _judge_partitions(
    source: Connection, where: str, table: RelationName, listed: Iterable[str]
) -> Iterator[SettingProblem]:
    partitions = [name for (name,) in source.execute(_PARTITIONS, [table.schema, table.name])]
    missing = [name for name in partitions if name not in set(listed)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield SettingProblem(
            str(table),
            f"{where} loads listed partitions of {table} only, and partition {missing[0]}{more} "
            "is not listed, so its rows are left out; list all partitions, or use partitions-auto",
        )
