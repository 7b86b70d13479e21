"""The condition on a table's recent rows, and whether an index serves it."""

from psycopg import sql

from pgcutover.catalog import Manifest
from pgcutover.catalog.model import Index
from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.mapping import MappedTable
from pgcutover.sides import Sides

_NEWEST = sql.SQL(
    "select (max(r.{column}) filter (where isfinite(r.{column}))::timestamp"
    " - {hours} * interval '1 hour')::text from {table} r"
)


def has_index_on_recent_column(manifest: Manifest, table: MappedTable, column: str) -> bool:
    """Return whether both sides have an index that begins with the column."""
    source = manifest.source_catalog.indexes_of(table.source)
    target = manifest.target_catalog.indexes_of(table.target)
    return any(_begins_with(i, column) for i in source) and any(
        _begins_with(i, table.target_column(column)) for i in target
    )


def _begins_with(index: Index, column: str) -> bool:
    is_plain = index.usable and index.method == "btree" and not index.partial
    return is_plain and index.columns[0] == column


def fetch_recent_window(
    source: Connection, table: MappedTable, column: str, hours: float
) -> Sides[sql.Composed]:
    """Return the condition for each side, counted back from the source's newest finite value."""
    query = _NEWEST.format(
        column=sql.Identifier(column),
        hours=sql.Literal(hours),
        table=sql.Identifier(table.source.schema, table.source.name),
    )
    with unreadable_on_error("source", str(table)):
        row = source.execute(query).fetchone()
    bound = sql.Literal(row[0] if row else None)
    # both sides run in UTC; the column stays bare, so that its index can be used
    condition = sql.SQL("({bound}::timestamp is null or r.{column} >= {bound}::timestamp)")
    return Sides(column, table.target_column(column)).map(
        lambda name: condition.format(bound=bound, column=sql.Identifier(name))
    )
