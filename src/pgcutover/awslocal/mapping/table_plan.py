"""Plans the columns of each table: target names and value conversions."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from pgcutover.awslocal.dms_api.table_mappings import Name, Routes
from pgcutover.awslocal.load.copy_format import LineFilter
from pgcutover.awslocal.mapping.catalog import ORDINARY, SourceColumn, SourceTable, TargetColumn
from pgcutover.awslocal.mapping.value_conversion import Converter, converter, is_lob
from pgcutover.awslocal.task.errors import TableFailed, TaskFailed


@dataclass(frozen=True, slots=True)
class Options:
    """The task and endpoint settings that affect values."""

    lob_kilobytes: int | None
    trim_char: bool
    follows_changes: bool


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """A migrated column."""

    source: str
    target: str
    convert: Converter | None
    lob: bool
    base: str


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A migrated table."""

    table: SourceTable
    target: Name
    columns: tuple[ColumnPlan, ...]
    lob_kilobytes: int | None
    left_behind: tuple[str, ...] = ()

    @property
    def name(self) -> Name:
        """Return the table's name on the source."""
        return self.table.name

    @property
    def key(self) -> tuple[ColumnPlan, ...]:
        """Return the primary key; empty unless all of its columns are migrated."""
        by_name = {column.source: column for column in self.columns}
        found = [by_name[name] for name in self.table.key if name in by_name]
        return tuple(found) if len(found) == len(self.table.key) else ()

    def line_filter(self) -> LineFilter:
        """Return a filter for this table's COPY lines."""
        converters = [column.convert for column in self.columns]
        always = any(c.convert and c.base in ("numeric", "bpchar") for c in self.columns)
        # an NCLOB's characters count double, so truncation may begin at half the limit
        size = (self.lob_kilobytes or 1 << 40) * 512
        return LineFilter(converters, always, size)


def select_tables(
    tables: Iterable[SourceTable], routes: Routes, *, merge: bool = False
) -> list[SourceTable]:
    """Return the tables in load order; TaskFailed if two have the same target.

    With `merge` they may, as the partitions of a table whose changes go to one table.
    """
    chosen = [table for table in tables if routes.selects(table.name)]
    seen: dict[Name, Name] = {}
    for table in chosen:
        target = routes.target(table.name)
        if target in seen and not merge:
            raise TaskFailed(
                f"tables {dotted(seen[target])} and {dotted(table.name)} both become "
                f"{dotted(target)}; AWS DMS does not merge tables"
            )
        seen[target] = table.name
    return sorted(chosen, key=lambda t: (-routes.load_order(t.name), t.name))


def plan_table(
    table: SourceTable, routes: Routes, target: dict[str, TargetColumn], options: Options
) -> TablePlan:
    """Return the table's plan; TableFailed if it cannot be migrated."""
    _require_possible(table)
    name = routes.target(table.name)
    if not target:
        raise TableFailed(f"table {dotted(name)} does not exist on the target")
    limit = routes.lob_limit(table.name, options.lob_kilobytes)
    columns = []
    oids = tuple(column.name for column in table.columns if column.base == "oid")
    for column in table.columns:
        new = routes.column(table.name, column.name) if column.name not in oids else None
        if new is not None and _carried(table, column, new, target, options):
            how = converter(column, target[new].type_name, limit, options.trim_char)
            _require_lob_possible(table, column, target[new], limit)
            columns.append(ColumnPlan(column.name, new, how, is_lob(column), column.base))
    if not columns:
        raise TableFailed(f"no column of {dotted(table.name)} can be carried")
    return TablePlan(table, name, tuple(columns), limit, oids)


def _require_possible(table: SourceTable) -> None:
    if table.kind != ORDINARY:
        raise TableFailed(
            f"{dotted(table.name)} is partitioned; select its partitions instead, each to a table "
            "of its own on the target"
        )
    if not table.key and any(column.is_array for column in table.columns):
        raise TableFailed(f"{dotted(table.name)} has an array column and no primary key")


def _require_lob_possible(
    table: SourceTable, column: SourceColumn, target: TargetColumn, limit: int | None
) -> None:
    """Raise TableFailed without a key: full LOB mode finds the row again by its key."""
    if limit is None and is_lob(column):
        if target.not_null:
            raise TableFailed(f"full LOB mode needs {target.name} of the target to be nullable")
        if not table.key:
            raise TableFailed(f"full LOB mode needs a primary key on {dotted(table.name)}")


def _carried(
    table: SourceTable,
    column: SourceColumn,
    new: str,
    target: dict[str, TargetColumn],
    options: Options,
) -> bool:
    if new in target and target[new].generated:
        return False
    if new not in target:
        raise TableFailed(f"the target lacks column {new} for {dotted(table.name)}.{column.name}")
    if column.generated and options.follows_changes:
        raise TableFailed(
            f"{dotted(table.name)}.{column.name} is generated on the source and not on the "
            "target; its changes cannot be followed"
        )
    return True


def dotted(name: Name) -> str:
    """Return `schema.table` for messages."""
    return f"{name[0]}.{name[1]}"


def quoted(name: Name) -> sql.Composed:
    """Return the qualified name as SQL."""
    return sql.SQL(".").join(map(sql.Identifier, name))


def listed(names: Iterable[str]) -> sql.Composed:
    """Return a list of column names as SQL."""
    return sql.SQL(", ").join(map(sql.Identifier, names))
