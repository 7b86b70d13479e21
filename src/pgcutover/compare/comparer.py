"""The comparing engine: one method a question, one scan shared by the questions of one table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import sleep

from psycopg import sql

from pgcutover.catalog import ExpectedForeignKey, ExpectedIndex, Manifest
from pgcutover.catalog.model import ForeignKey
from pgcutover.compare import columns, structure
from pgcutover.compare.diffs import Diff, finding
from pgcutover.compare.orphans import orphan_diff
from pgcutover.compare.rows import EVERYTHING, Folded, Question, fold, row_diff
from pgcutover.compare.scope import TableOptions, sides
from pgcutover.compare.sessions import SideSession, saying
from pgcutover.connect import server_facts
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable

SETTLE_TRIES = 3


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How to compare; `settle_seconds` is how long a lagging mover is waited for, 0 when still."""

    salt: str = field(repr=False)
    window_hours: float = 24.0
    settle_seconds: float = 0.0
    statement_timeout_seconds: float = 0.0
    tables: Mapping[str, TableOptions] = field(default_factory=dict)


class Comparer:
    """Answers questions about both sides; every answer is a Diff, every doubt an error."""

    def __init__(
        self, source_dsn: str, target_dsn: str, manifest: Manifest, options: CompareOptions
    ) -> None:
        timeout = options.statement_timeout_seconds
        self._source = SideSession("source", source_dsn, timeout)
        self._target = SideSession("target", target_dsn, timeout)
        self._manifest, self._options = manifest, options
        self._scanned: tuple[str, Question, Folded] | None = None

    def close(self) -> None:
        """End both sessions."""
        self._source.close()
        self._target.close()

    def distinct(self) -> Diff:
        """Whether the DSNs lead to two databases."""
        facts = {"source": self._manifest.source.database, "target": self._manifest.target.database}
        if self._manifest.source.identity != self._manifest.target.identity:
            return Diff("*", (), facts)
        message = "source and target are the same database of the same server; correct a DSN"
        return Diff("*", (finding("*", "same database", message),), facts)

    def tls(self) -> Diff:
        """Whether both sides are reached over TLS whose certificate and host name are verified."""
        self._scanned = None
        problems = []
        for session in (self._source, self._target):
            with saying(session.side, "TLS"):
                connection = session.snapshot()
                mode = connection.info.get_parameters().get("sslmode", "prefer")
                tls = server_facts(connection).tls
            if tls == "none" or mode != "verify-full":
                message = (
                    f"{session.side}: TLS {tls}, sslmode {mode}; expected verify-full with "
                    "sslrootcert, since only that checks the server's name"
                )
                problems.append(finding(session.side, "TLS not verified", message))
        return Diff("*", tuple(problems))

    def scope(self) -> Diff:
        """Tables that no rule and no declaration explains, on either side."""
        return columns.scope_diff(self._manifest)

    def columns(self, table: MappedTable) -> Diff:
        """The table's columns."""
        return columns.column_diff(self._manifest, table)

    def index(self, index: ExpectedIndex) -> Diff:
        """One expected index."""
        return structure.index_diff(self._manifest, index)

    def extra_indexes(self, table: MappedTable) -> Diff:
        """Indexes that nothing explains."""
        return structure.extra_indexes(self._manifest, table)

    def foreign_key(self, key: ExpectedForeignKey) -> Diff:
        """One expected foreign key."""
        return structure.foreign_key_diff(self._manifest, key)

    def extra_foreign_keys(self, table: MappedTable) -> Diff:
        """Foreign keys that nothing explains."""
        return structure.extra_foreign_keys(self._manifest, table)

    def counts(self, table: MappedTable) -> Diff:
        """The numbers of rows, from the scan that `rows` shares."""
        _, folds = self._scan(table)
        one, other = folds.counts
        facts = {"rows_source": one, "rows_target": other}
        if one == other:
            return Diff(str(table), (), facts)
        message = f"{table}: {one} rows on the source, {other} on the target ({other - one:+d})"
        return Diff(str(table), (finding(table, "count differs", message, **facts),), facts)

    def rows(self, table: MappedTable) -> Diff:
        """Every row, compared by its representation; excluded columns are left out."""
        question, folds = self._scan(table)
        return row_diff(question, folds, self._options.salt)

    def recent(self, table: MappedTable) -> Diff:
        """The rows of the last hours before the newest one of the source."""
        question = self._ask(table, *self._since(table))
        return row_diff(question, fold(question), self._options.salt, "recent rows")

    def orphans(self, key: ExpectedForeignKey) -> Diff:
        """Rows of the target that point at nothing."""
        name = str(key)
        if (looked_at := self._key_to_look_at(key)) is None:
            raise UnreadableError(f"{name}: neither side has this foreign key; see SCHEMA-FKS")
        self._scanned = None  # a new snapshot ends the shared scan
        return orphan_diff(self._target.snapshot(), name, looked_at, self._options.salt)

    def _key_to_look_at(self, key: ExpectedForeignKey) -> ForeignKey | None:
        if key.source is not None:
            return structure.mapped_key(self._manifest, key)
        return structure.target_key(self._manifest, str(key))

    def _scan(self, table: MappedTable) -> tuple[Question, Folded]:
        """The table's scan, kept until another table is asked about."""
        if self._scanned is None or self._scanned[0] != str(table):
            self._scanned = None
            self._scanned = (str(table), *self._settled(table))
        return self._scanned[1], self._scanned[2]

    def _settled(self, table: MappedTable) -> tuple[Question, Folded]:
        for _ in range(SETTLE_TRIES):
            question = self._ask(table)
            folds = fold(question)
            if not folds.suspects or not self._options.settle_seconds:
                break
            sleep(self._options.settle_seconds)
        return question, folds

    def _ask(
        self,
        table: MappedTable,
        where_source: sql.Composable = EVERYTHING,
        where_target: sql.Composable = EVERYTHING,
    ) -> Question:
        options = self._options.tables.get(str(table), TableOptions())
        one, other = sides(self._manifest, table, options)
        connections = (self._source.snapshot(), self._target.snapshot())
        return Question(str(table), one, other, connections, where_source, where_target)

    def _since(self, table: MappedTable) -> tuple[sql.Composed, sql.Composed]:
        """Conditions for both sides; the bound is the source's, so that both ask the same."""
        self._scanned = None  # new snapshots end the shared scan
        column = dict(self._manifest.recent_columns)[str(table)]
        relation = self._manifest.source_catalog.relation(table.source)
        kind = relation.column(column) if relation else None
        if kind is None:
            raise UnreadableError(f"{table}: the source has no column {column!r}")
        bound = sql.SQL(
            "((select max(r.{c}) filter (where isfinite(r.{c}))::timestamp - {w} * interval '1 hour'"
            " from {t} r)::text)"
        ).format(
            c=sql.Identifier(column),
            w=sql.Literal(self._options.window_hours),
            t=sql.Identifier(table.source.schema, table.source.name),
        )
        with saying("source", str(table)):
            row = self._source.snapshot().execute(sql.SQL("select {}").format(bound)).fetchone()
        since = sql.Literal(row[0] if row else None)
        return tuple(  # type: ignore[return-value]
            sql.SQL("({b}::timestamp is null or r.{c}::timestamp >= {b}::timestamp)").format(
                b=since, c=sql.Identifier(name)
            )
            for name in (column, table.target_column(column))
        )
