"""The comparing engine: one method a question, one scan shared by the questions of one table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from psycopg import sql

from pgcutover.catalog import ExpectedForeignKey, ExpectedIndex, Manifest
from pgcutover.catalog.model import ForeignKey
from pgcutover.compare import columns, declared, structure
from pgcutover.compare.hashing.calibration import SHA256, Calibration, calibrate
from pgcutover.compare.live.fence import Fence
from pgcutover.compare.orphans import orphan_diff
from pgcutover.compare.plan.model import EVERYTHING, Question
from pgcutover.compare.plan.planner import Scope, prepared
from pgcutover.compare.plan.spec import TableOptions, dropped_columns, sides
from pgcutover.compare.rows import Reading, Scan, refuse_moving, row_diff, scan, settled
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.compare.scan.chunk_log import fingerprint, untold
from pgcutover.compare.scan.sessions import Connection, SideSession, saying
from pgcutover.compare.throttle.governor import Governor
from pgcutover.compare.throttle.server_load import Limits
from pgcutover.connect import open_watch
from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.progress import Progress, State
from pgcutover.readiness.tls import tls_problem
from pgcutover.verdict import Finding

SETTLE_TRIES = 5


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How to compare; `fence` tells when a mover has caught up, None where nothing moves.

    `tables` is keyed by the name on the target. `digest` is "sha256" where the servers' own hashes
    must not be relied on.
    """

    salt: str = field(repr=False)
    digest: str = "fast"
    window_hours: float = 24.0
    fence: Fence | None = None
    statement_timeout_seconds: float = 0.0
    connections: int = 1
    chunk_seconds: float = 1.0
    snapshot_seconds: float = 900.0
    source_limits: Limits = field(default_factory=Limits)
    target_limits: Limits = field(default_factory=Limits)
    pause_seconds: float = 600.0
    config_sha256: str = ""
    checkpoints: Checkpoints = field(default_factory=lambda: Checkpoints(None, resume=False))
    progress: Progress = untold
    tables: Mapping[str, TableOptions] = field(default_factory=dict)


class Comparer:
    """Answers questions about both sides; every answer is a Diff, every doubt an error.

    Sessions are opened when first needed and replaced when lost, so that an error about one table
    leaves the others decidable.
    """

    def __init__(
        self, source_dsn: str, target_dsn: str, manifest: Manifest, options: CompareOptions
    ) -> None:
        """Nothing is opened yet."""
        self._options = options
        self._held_back_seconds = 0.0
        self._told: tuple[str, int, int | None] = ("", 0, None)
        self._source = self._session("source", source_dsn, options.source_limits)
        self._target = self._session("target", target_dsn, options.target_limits)
        self._manifest = manifest
        self._snapshots: tuple[RelationName, Connection, Connection] | None = None
        self._scanned: Scan | None = None
        self._calibration: Calibration | None = None

    def _session(self, side: str, dsn: str, limits: Limits) -> SideSession:
        options = self._options
        governor = Governor(
            side,
            lambda: open_watch(dsn),
            limits,
            options.pause_seconds,
            lambda reason: options.progress(*self._told, "waiting", reason),
        )
        return SideSession(
            side, dsn, options.statement_timeout_seconds, options.connections, governor
        )

    def close(self) -> None:
        """End both sessions."""
        self._source.close()
        self._target.close()

    def distinct(self) -> Diff:
        """Whether the DSNs lead to two databases."""
        source, target = self._manifest.source, self._manifest.target
        facts = {"source": source.database, "target": target.database}
        if not source.is_same_database(target):
            return Diff("*", (), facts)
        message = (
            "source and target are the same database of the same server, or a standby of it; "
            "correct a DSN"
        )
        return Diff("*", (finding("*", "same database", message),), facts)

    def tls(self) -> Diff:
        """Whether both sides are reached over TLS whose certificate and host name are verified."""
        self._forget()
        problems: list[Finding] = []
        for session in (self._source, self._target):
            with saying(session.side, "TLS"):
                problems += tls_problem(session.side, session.snapshot())
        return Diff("*", tuple(problems))

    def readable(self, table: MappedTable) -> Diff:
        """Whether this gate's roles may read the whole table; UnreadableError where not."""
        excluded = self._table_options(table).excluded_columns
        return columns.readable_diff(self._manifest, table, excluded)

    def scope(self) -> Diff:
        """Tables that no rule and no declaration explains, on either side."""
        return columns.scope_diff(self._manifest)

    def declarations(self) -> Diff:
        """Declared differences that no object ever meets."""
        return declared.declarations_diff(self._manifest)

    def columns(self, table: MappedTable) -> Diff:
        """The table's columns."""
        return columns.column_diff(self._manifest, table)

    def index(self, index: ExpectedIndex) -> Diff:
        """One expected index."""
        return structure.index_diff(self._manifest, index)

    def extra_indexes(self, table: MappedTable) -> Diff:
        """Indexes that nothing explains."""
        return structure.extra_indexes(self._manifest, table, self._index_names)

    def foreign_key(self, key: ExpectedForeignKey) -> Diff:
        """One expected foreign key."""
        return structure.foreign_key_diff(self._manifest, key)

    def extra_foreign_keys(self, table: MappedTable) -> Diff:
        """Foreign keys that nothing explains."""
        return structure.extra_foreign_keys(self._manifest, table, self._key_names)

    def triggers(self) -> Diff:
        """Settings that switch triggers and foreign keys off for everybody."""
        return structure.triggers_diff(self._manifest)

    def counts(self, table: MappedTable) -> Diff:
        """The numbers of rows, from the scan that `rows` shares."""
        with self._forgetting():
            found = self._scan(table)
        one, other = found.rows_source, found.rows_target
        if one == other:
            refuse_moving(found, self._options.salt)
            return Diff(str(table), (), found.facts)
        message = f"{table}: {one} rows on the source, {other} on the target ({other - one:+d})"
        evidence = {"rows_source": one, "rows_target": other}
        return Diff(
            str(table), (finding(table, "count differs", message, **evidence),), found.facts
        )

    def rows(self, table: MappedTable) -> Diff:
        """Every row, compared by its representation; excluded columns are left out."""
        with self._forgetting():
            return row_diff(self._scan(table), self._options.salt)

    def recent(self, table: MappedTable) -> Diff:
        """The rows of the last hours before the newest one of the source.

        Where a scan has just found all rows the same, these are; then they are only counted.
        """
        with self._forgetting():
            if (counted := self._recent_of_scan(table)) is not None:
                return counted
            found = self._settled(table, *self._since(table))
            return row_diff(found, self._options.salt, "recent rows")

    def orphans(self, key: ExpectedForeignKey) -> Diff:
        """Rows of the target that point at nothing."""
        name, catalog = str(key), self._manifest.target_catalog
        if (looked_at := self._key_to_look_at(key)) is None:
            raise UnreadableError(f"{name}: neither side has this foreign key; see SCHEMA-FKS")
        self._forget()
        connection = self._target.snapshot()
        return orphan_diff(connection, name, looked_at, catalog, self._options.salt)

    def _newly_held_back(self) -> float:
        """Seconds of rest since it was last asked."""
        governors = (self._source.governor, self._target.governor)
        total = sum(g.held_back_seconds for g in governors if g is not None)
        newly, self._held_back_seconds = total - self._held_back_seconds, total
        return newly

    @cached_property
    def _index_names(self) -> frozenset[str]:
        return frozenset(map(str, self._manifest.expected_indexes()))

    @cached_property
    def _key_names(self) -> frozenset[str]:
        return frozenset(map(str, self._manifest.expected_foreign_keys()))

    def _key_to_look_at(self, key: ExpectedForeignKey) -> ForeignKey | None:
        if key.source is not None:
            return structure.mapped_key(self._manifest, key)
        return self._manifest.target_catalog.foreign_key(str(key))

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """After an error the next question starts anew: the snapshots may be gone."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        self._snapshots = self._scanned = None

    def _connections(self, table: MappedTable) -> tuple[Connection, Connection]:
        """Both sides' snapshots, the same for all questions about one table in a row."""
        if self._snapshots is None or self._snapshots[0] != table.target:
            self._forget()
            source, target = self._source.snapshot(), self._target.snapshot()
            self._snapshots = (table.target, source, target)
        return self._snapshots[1:]

    def _scan(self, table: MappedTable) -> Scan:
        """The table's scan, kept until another table is asked about."""
        self._connections(table)
        if self._scanned is None:
            self._scanned = self._settled(table, kept=True)
        return self._scanned

    def _settled(
        self,
        table: MappedTable,
        where_source: sql.Composable = EVERYTHING,
        where_target: sql.Composable = EVERYTHING,
        *,
        kept: bool = False,
    ) -> Scan:
        def scanned() -> Scan:
            found = scan(self._ask(table, where_source, where_target), self._reading(kept))
            if (held := self._newly_held_back()) >= 0.1:
                found = replace(found, notes={**found.notes, "held_back_seconds": round(held, 1)})
            return found

        def scanned_anew() -> Scan:
            self._forget()
            return scanned()

        if self._options.fence is None:
            return scanned()
        return settled(scanned(), scanned_anew, self._options.fence, SETTLE_TRIES)

    def _reading(self, kept: bool) -> Reading:
        options = self._options
        reading = Reading(options.chunk_seconds, options.snapshot_seconds)
        if not kept:
            return reading
        return replace(
            reading,
            checkpoints=options.checkpoints,
            fingerprint=lambda q: fingerprint(self._manifest, q, options.config_sha256),
            progress=self._progress,
        )

    def _progress(
        self, table: str, rows_done: int, rows_expected: int | None, state: State, note: str = ""
    ) -> None:
        self._told = (table, rows_done, rows_expected)
        self._options.progress(table, rows_done, rows_expected, state, note)

    def _recent_of_scan(self, table: MappedTable) -> Diff | None:
        """The recent rows, counted, where this table was scanned and nothing at all differed."""
        self._connections(table)
        found = self._scanned
        column = dict(self._manifest.recent_columns)[str(table)]
        if found is None or found.tally.total or found.in_flight or found.question.not_proven:
            return None
        name, (where, _) = str(table), self._since(table)
        query = sql.SQL("select count(*) from {} r where {}").format(
            found.question.source.table.relation, where
        )
        with saying("source", f"{name}.{column}"):
            row = self._connections(table)[0].execute(query).fetchone()
        rows = row[0] if row else 0
        return Diff(name, (), {**found.facts, "rows_source": rows, "rows_target": rows})

    def _ask(
        self, table: MappedTable, where_source: sql.Composable, where_target: sql.Composable
    ) -> Question:
        options = self._table_options(table)
        source, target = self._connections(table)
        if self._calibration is None:
            with saying("source or target", "hash functions"):
                self._calibration = (
                    Calibration(SHA256)
                    if self._options.digest == "sha256"
                    else calibrate(source, target)
                )
        scope = Scope(
            str(table),
            sides(self._manifest, table, options),
            (where_source, where_target),
            (*options.excluded_columns, *dropped_columns(self._manifest, table)),
            options.tolerances,
        )
        sessions = (self._source, self._target)
        return prepared(scope, sessions, self._calibration, self._options.salt)

    def _table_options(self, table: MappedTable) -> TableOptions:
        return self._options.tables.get(str(table), TableOptions())

    def _since(self, table: MappedTable) -> tuple[sql.Composed, sql.Composed]:
        """Conditions for both sides; the bound is the source's, so that both ask the same."""
        column = dict(self._manifest.recent_columns)[str(table)]
        newest = sql.SQL(
            "select (max(r.{c}) filter (where isfinite(r.{c}))::timestamp"
            " - {w} * interval '1 hour')::text from {t} r"
        ).format(
            c=sql.Identifier(column),
            w=sql.Literal(self._options.window_hours),
            t=sql.Identifier(table.source.schema, table.source.name),
        )
        with saying("source", str(table)):
            row = self._connections(table)[0].execute(newest).fetchone()
        bound = sql.Literal(row[0] if row else None)
        source, target = (
            # both sides run in UTC; the column stays bare, so that its index serves
            sql.SQL("({b}::timestamp is null or r.{c} >= {b}::timestamp)").format(
                b=bound, c=sql.Identifier(name)
            )
            for name in (column, table.target_column(column))
        )
        return source, target
