"""Builds statements from changes: a relation of the WAL matched to its table's plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from psycopg import sql

from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.mapping.table_plan import ColumnPlan, TablePlan, dotted, listed, quoted
from pgcutover.awslocal.task.errors import TableFailed
from pgcutover.pgoutput.messages import UNCHANGED, Delete, Insert, Relation, Row, Update

Parameters = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A change as a statement for the target."""

    table: Name
    action: str
    text: bytes
    shape: tuple[object, ...]
    parameters: Parameters = field(repr=False)
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RelationDml:
    """The statements that write one relation's changes to the target."""

    relation: Relation
    plan: TablePlan
    positions: tuple[tuple[int, ColumnPlan], ...]
    identity: tuple[tuple[int, ColumnPlan], ...]

    @property
    def table(self) -> Name:
        """Return the table's name on the source."""
        return self.plan.name

    def insert(self, change: Insert) -> Statement:
        """Return the row as an insert."""
        values, cut = self._converted(change.new, self.positions)
        text = _insert(self.plan.target, tuple(c.target for _, c in self.positions))
        return Statement(self.table, "insert", text, (self.relation.oid, "insert"), values, cut)

    def upsert(self, row: Row) -> Statement:
        """Return the row as an upsert that leaves unchanged TOASTed values alone."""
        present = tuple((n, c) for n, c in self.positions if row[n] is not UNCHANGED)
        values, cut = self._converted(row, present)
        names = tuple(c.target for _, c in present)
        text = _upsert(self.plan.target, names, tuple(c.target for c in self.plan.key))
        return Statement(
            self.table, "upsert", text, (self.relation.oid, "upsert", names), values, cut
        )

    def update(self, change: Update) -> Statement | None:
        """Return the row as an update, or None if the table has only key columns."""
        identity = {n for n, _ in self.identity}
        present = tuple(
            (n, c)
            for n, c in self.positions
            if n not in identity and change.new[n] is not UNCHANGED
        )
        if not present:
            return None
        values, cut = self._converted(change.new, present)
        names = tuple(c.target for _, c in present)
        keys = tuple(c.target for _, c in self.identity)
        text = _update(self.plan.target, names, keys)
        parameters = values + self._key(change.old or change.new)
        shape = (self.relation.oid, "update", names)
        return Statement(self.table, "update", text, shape, parameters, cut)

    def delete(self, change: Delete) -> Statement:
        """Return the row as a delete."""
        text = _delete(self.plan.target, tuple(c.target for _, c in self.identity))
        key = self._key(change.old)
        return Statement(self.table, "delete", text, (self.relation.oid, "delete"), key)

    def moves_key(self, change: Update) -> bool:
        """Return whether the update changes the row's key, which DMS does not apply."""
        if change.old is None:
            return False
        return any(change.old[n] != change.new[n] for n, _ in self.identity)

    def key_of(self, row: Row) -> Parameters:
        """Return the primary key's values on the target; empty without a key."""
        at = {c.source: n for n, c in self.positions}
        return tuple(_text(row, at[c.source], c)[0] for c in self.plan.key)

    def _key(self, row: Row) -> Parameters:
        return tuple(_text(row, n, c)[0] for n, c in self.identity)

    def _converted(
        self, row: Row, present: Sequence[tuple[int, ColumnPlan]]
    ) -> tuple[Parameters, tuple[str, ...]]:
        pairs = [(_text(row, n, column), column) for n, column in present]
        cut = tuple(column.source for (_, changed), column in pairs if changed and column.lob)
        return tuple([value for (value, _), _ in pairs]), cut


def _text(row: Row, n: int, column: ColumnPlan) -> tuple[str | None, bool]:
    value = row[n]
    if value is None or not isinstance(value, str):
        return None, False
    if column.convert is None:
        return value, False
    converted = column.convert(value)
    return converted, converted != value


def match_columns(relation: Relation, plan: TablePlan) -> RelationDml:
    """Match relation columns to the plan; raise TableFailed if source DDL changed them."""
    names = [column.name for column in relation.columns]
    planned = {column.source: column for column in plan.columns}
    missing = [name for name in planned if name not in names]
    if missing:
        raise TableFailed(
            f"column {missing[0]} of {dotted(plan.name)} is not in the source's changes; DDL on "
            "the source is not followed"
        )
    positions = tuple((n, planned[name]) for n, name in enumerate(names) if name in planned)
    if relation.replica_identity == "f":
        wanted = {column.source for column in plan.key}
    else:
        wanted = {column.name for column in relation.columns if column.key}
    identity = tuple((n, column) for n, column in positions if column.source in wanted)
    return RelationDml(relation, plan, positions, identity if len(identity) == len(wanted) else ())


@lru_cache(maxsize=1024)
def _insert(target: Name, names: tuple[str, ...]) -> bytes:
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(names))
    statement = sql.SQL("insert into {} ({}) overriding system value values ({})")
    return statement.format(quoted(target), listed(names), marks).as_bytes()


@lru_cache(maxsize=1024)
def _upsert(target: Name, names: tuple[str, ...], key: tuple[str, ...]) -> bytes:
    changes = [name for name in names if name not in key] or list(key)
    assignments = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changes
    )
    conflict = sql.SQL(" on conflict ({}) do update set {}").format(listed(key), assignments)
    return _insert(target, names) + conflict.as_bytes()


@lru_cache(maxsize=1024)
def _update(target: Name, names: tuple[str, ...], key: tuple[str, ...]) -> bytes:
    statement = sql.SQL("update {} set {} where {}")
    return statement.format(quoted(target), _equal(names, ", "), _equal(key, " and ")).as_bytes()


@lru_cache(maxsize=1024)
def _delete(target: Name, key: tuple[str, ...]) -> bytes:
    statement = sql.SQL("delete from {} where {}")
    return statement.format(quoted(target), _equal(key, " and ")).as_bytes()


def _equal(names: tuple[str, ...], separator: str) -> sql.Composed:
    parts = (sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder()) for n in names)
    return sql.SQL(separator).join(parts)
