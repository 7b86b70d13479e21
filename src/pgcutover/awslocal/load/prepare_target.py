"""Prepares target tables for a full load according to TargetTablePrepMode."""

from psycopg import sql

from pgcutover.awslocal.dms_api.table_mappings import Routes
from pgcutover.awslocal.mapping.catalog import SourceColumn, SourceTable, target_columns
from pgcutover.awslocal.mapping.table_plan import listed, quoted
from pgcutover.awslocal.mapping.value_conversion import is_lob
from pgcutover.awslocal.task.endpoint_connection import Connection


def prepare_table(connection: Connection, table: SourceTable, routes: Routes, mode: str) -> None:
    """Prepare a table; a missing one is created in every mode, as DMS does."""
    target = routes.target(table.name)
    exists = bool(target_columns(connection, target))
    if exists and mode == "DROP_AND_CREATE":
        connection.execute(sql.SQL("drop table {}").format(quoted(target)))
    if not exists or mode == "DROP_AND_CREATE":
        _create(connection, table, routes)
    elif mode == "TRUNCATE_BEFORE_LOAD":
        connection.execute(sql.SQL("truncate {}").format(quoted(target)))


def _create(connection: Connection, table: SourceTable, routes: Routes) -> None:
    """Create columns and primary key only: no defaults, sequences, indexes or other constraints."""
    schema, _ = target = routes.target(table.name)
    known = connection.execute("select from pg_namespace where nspname = %s", (schema,))
    if known.fetchone() is None:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    names = {c.name: routes.column(table.name, c.name) for c in table.columns}
    parts = [_column(c, new) for c in table.columns if (new := names[c.name]) is not None]
    key = [new for name in table.key if (new := names[name]) is not None]
    if key and len(key) == len(table.key):
        parts.append(sql.SQL("primary key ({})").format(listed(key)))
    body = sql.SQL(", ").join(parts)
    connection.execute(sql.SQL("create table {} ({})").format(quoted(target), body))


def _column(column: SourceColumn, name: str) -> sql.Composed:
    kind = "character varying" if column.user_defined else column.type_sql
    # in full LOB mode a LOB is written after its row, so DMS makes the column nullable
    required = column.not_null and not is_lob(column)
    return sql.SQL("{} {} {}").format(
        sql.Identifier(name),
        sql.SQL(kind),
        sql.SQL("not null" if required else "null"),
    )
