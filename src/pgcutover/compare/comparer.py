"""Compares the data of a source and a target; the checks of one table share one scan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from pgcutover.catalog import ExpectedForeignKey, Manifest
from pgcutover.catalog.readable import refuse_unreadable, refuse_unreadable_key
from pgcutover.compare.differences.report import Evidence, count_diff, fetch_evidence, row_diff
from pgcutover.compare.differences.scan_result import ScanResult
from pgcutover.compare.hashing.calibration import SHA256, Calibration, calibrate
from pgcutover.compare.large_objects import compare_large_objects
from pgcutover.compare.live.fence import Fence, WaitingFence
from pgcutover.compare.live.keys import ComparedKeys, compare_keys, fetch_keys
from pgcutover.compare.live.passed_fences import PassedFences
from pgcutover.compare.live.recheck import WAITS, RecheckSettings, recheck_scan
from pgcutover.compare.live.witness import Witnesses
from pgcutover.compare.live.write_history import WriteHistory
from pgcutover.compare.options import CompareOptions, TableOptions
from pgcutover.compare.orphans import mapped_key, orphan_diff
from pgcutover.compare.plan.model import ALL_ROWS, TableComparison
from pgcutover.compare.plan.planner import Scope, plan_comparison
from pgcutover.compare.plan.recent_window import fetch_recent_window, has_index_on_recent_column
from pgcutover.compare.plan.spec import dropped_columns, resolve_tables
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.compare.scan.chunk_log import fingerprint
from pgcutover.compare.scan.scan_cache import ScanCache
from pgcutover.compare.scan.scanner import ScanSettings, scan_table
from pgcutover.compare.scan.sessions import SideSession
from pgcutover.compare.snapshots import ReadIn, RecheckedKeys, Taken, read_snapshot
from pgcutover.compare.throttle.governor import Governor
from pgcutover.compare.throttle.server_load import LoadLimits
from pgcutover.connect import Connection, open_watch
from pgcutover.diff import Diff
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.errors import UnreadableError
from pgcutover.key_hash.hashing import KeyHash
from pgcutover.mapping import MappedTable
from pgcutover.progress import State
from pgcutover.sides import Sides

RECHECK_TRIES = 5
_LEAST_WITNESS_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Checked:
    """A table's scan after its rechecks, and the evidence for its report."""

    scan: ScanResult
    evidence: Evidence


class Comparer:
    """Compares source and target; returns a Diff, raises UnreadableError if undecidable.

    Sessions are opened when first needed and replaced when lost, so that an error about one table
    leaves the others decidable.
    """

    def __init__(
        self, source_dsn: str, target_dsn: str, manifest: Manifest, options: CompareOptions
    ) -> None:
        """Open nothing yet."""
        self._options, self._manifest = options, manifest
        self._throttled_seconds = 0.0
        self._last_progress: tuple[str, int, int | None] = ("", 0, None)
        self._sessions = Sides(
            self._session("source", source_dsn, options.source_limits),
            self._session("target", target_dsn, options.target_limits),
        )
        self._cache: ScanCache[_Checked] = ScanCache(self._sessions)
        self._histories = Sides(manifest.source, manifest.target).map(
            lambda server: WriteHistory(server.snapshot, server.read_at)
        )
        self._passed = PassedFences(Witnesses(source_dsn, _keep_seconds(options.fence)))
        self._calibration: Calibration | None = None
        self._plans: dict[str, TableComparison] = {}

    def _session(self, side: str, dsn: str, limits: LoadLimits) -> SideSession:
        options = self._options
        governor = Governor(
            side,
            lambda: open_watch(dsn),
            limits,
            options.pause_seconds,
            lambda reason: options.progress(*self._last_progress, "waiting", reason),
        )
        return SideSession(
            side, dsn, options.statement_timeout_seconds, options.connections, governor
        )

    def close(self) -> None:
        """Close all sessions."""
        self._passed.witnesses.close()
        for session in self._sessions:
            session.close()

    def counts(self, table: MappedTable) -> Diff:
        """Compare the numbers of rows."""
        checked = self._check(table)
        return count_diff(checked.scan, checked.evidence, self._key_hash(table))

    def rows(self, table: MappedTable) -> Diff:
        """Compare every row by its representation, without excluded columns."""
        checked = self._check(table)
        return row_diff(checked.scan, checked.evidence, self._key_hash(table))

    def recent(self, table: MappedTable) -> Diff:
        """Compare the rows of the last hours before the source's newest row.

        Where the table's scan found all rows equal, the recent ones are only counted. Without an
        index on the column the whole table would be read, so that scan comes first.
        """
        column = dict(self._manifest.recent_columns)[str(table)]
        refuse_unreadable(self._manifest, table, self._table_options(table).excluded_columns)
        if not has_index_on_recent_column(self._manifest, table, column):
            self._check(table)
        with self._cache.use(table.target):
            source = self._cache.open_snapshots().source
            window = fetch_recent_window(source, table, column, self._options.window_hours)
            whole = self._cache.result
            if whole is not None and _proves_recent(whole.scan, table.target_column(column)):
                return self._count_recent(table, column, window, whole.scan)
            checked = self._compare(table, window)
            return row_diff(checked.scan, checked.evidence, self._key_hash(table), "recent row")

    def orphans(self, key: ExpectedForeignKey) -> Diff:
        """Find the target's rows whose foreign key references no row."""
        name, catalog = str(key), self._manifest.target_catalog
        if (checked := mapped_key(self._manifest, key)) is None:
            raise UnreadableError(f"{name}: neither side has this foreign key; see SCHEMA-FKS")
        refuse_unreadable_key(self._manifest, checked)
        with self._cache.use(checked.table):
            connection = self._cache.open_target_snapshot()
            return orphan_diff(connection, name, checked, catalog, self._key_hash(key))

    def large_objects(self) -> Diff:
        """Compare the contents of all large objects."""
        self._cache.drop()
        return compare_large_objects(*self._sessions.map(lambda session: session.snapshot()))

    def begin_keys(self) -> Sides[Taken]:
        """Take new snapshots for comparisons of keys, and return them; `end_keys` ends them."""
        self._cache.drop()
        return self._read_snapshots()

    def keys(self, table: MappedTable, keys: Sequence[tuple[str, ...]]) -> ComparedKeys:
        """Compare the rows of some keys in the snapshots of `begin_keys`."""
        try:
            if str(table) not in self._plans:
                self._plans[str(table)] = self._plan(table, ALL_ROWS)
            return compare_keys(self._plans[str(table)], keys)
        except UnreadableError:
            self._plans.clear()  # a table was altered, or a connection lost
            raise

    def end_keys(self) -> None:
        """End the snapshots of `begin_keys`."""
        self._cache.drop()

    def hold(self, label: str, lock: Callable[[Connection], None]) -> None:
        """Take locks on a side before its freeze, in the session that compares keys in it."""
        for session in self._sessions:
            if session.side == label:
                session.hold(lock)

    def unthrottle(self) -> None:
        """Compare at full speed until `end_freeze`: clients wait."""
        for session in self._sessions:
            session.unthrottle()

    def begin_freeze(self) -> None:
        """Compare keys with the locks of `hold` from now on; no comparison may be running."""
        self._cache.drop()
        for session in self._sessions:
            session.begin_freeze()

    def end_freeze(self) -> None:
        """Release the locks of `hold`, and throttle again."""
        if any(session.is_frozen for session in self._sessions):
            self._cache.drop()
        for session in self._sessions:
            session.end_freeze()

    def _read_snapshots(self) -> Sides[Taken]:
        with unreadable_on_error("source or target", "snapshot"):
            return self._cache.open_snapshots().map(read_snapshot)

    def _key_hash(self, compared: object) -> KeyHash:
        """Return the function that names the keys of a table or of a foreign key."""
        return self._options.key_hashes.of_table(str(compared))

    def _check(self, table: MappedTable) -> _Checked:
        """Return the result that all checks of the table share."""
        refuse_unreadable(self._manifest, table, self._table_options(table).excluded_columns)
        with self._cache.use(table.target):
            return self._cache.fetch_result(lambda: self._compare(table))

    def _compare(self, table: MappedTable, window: Sides[sql.Composable] | None = None) -> _Checked:
        """Plan, scan, recheck, and fetch the evidence for the report."""

        def scan() -> ScanResult:
            return self._scan(table, window)

        def rescan() -> ScanResult:
            self._cache.drop_snapshots()
            return scan()

        found = scan()
        if self._options.fence is not None:
            settings = RecheckSettings(
                self._options.fence, RECHECK_TRIES, self._histories, self._passed
            )
            found = recheck_scan(found, rescan, settings)
        if window is None and self._options.log is not None and found.is_equal:
            self._options.log.record(table, found.read_in, self._fetch_rechecked(found))
        return _Checked(found, fetch_evidence(found))

    def _fetch_rechecked(self, found: ScanResult) -> RecheckedKeys:
        """Return the keys that differed before they were rechecked, in new snapshots."""
        if not found.rechecked:
            return RecheckedKeys(frozenset(), None)
        self._cache.drop_snapshots()
        taken = self._read_snapshots()
        comparison = found.comparison
        keys = comparison.fetch_both(
            lambda side: fetch_keys(side, comparison.key_domain, found.rechecked)
        )
        return RecheckedKeys(frozenset(keys.source) | frozenset(keys.target), taken)

    def _scan(self, table: MappedTable, window: Sides[sql.Composable] | None) -> ScanResult:
        found = self._scan_all(table) if window is None else self._scan_window(table, window)
        if (throttled := self._newly_throttled()) >= 0.1:
            notes = {**found.notes, "held_back_seconds": round(throttled, 1)}
            found = replace(found, notes=notes)
        return found

    def _scan_all(self, table: MappedTable) -> ScanResult:
        """Scan a table; where another worker scans it too, wait for its end with no snapshot."""

        def report_wait() -> None:
            self._cache.drop_snapshots()
            self._report_progress(str(table), 0, None, "waiting", "another worker scans it")

        options = self._options
        with options.checkpoints.open(str(table), report_wait) as checkpoints:
            comparison = self._plan(table, ALL_ROWS)
            identity = fingerprint(self._manifest, comparison, options.config_sha256)
            limits = options.scan_limits
            settings = ScanSettings(limits, checkpoints, identity, self._report_progress)
            first, log = self._read_snapshots(), options.log
            mark = log.mark(table, self._cache.open_snapshots()) if log else None
            found = scan_table(comparison, settings)
            last = self._sessions.map(lambda session: read_snapshot(session.open[0]))
            return replace(found, read_in=ReadIn(first, last, mark))

    def _scan_window(self, table: MappedTable, window: Sides[sql.Composable]) -> ScanResult:
        with Checkpoints(None, resume=False).open(str(table)) as checkpoints:
            settings = ScanSettings(self._options.scan_limits, checkpoints)
            return scan_table(self._plan(table, window), settings)

    def _plan(self, table: MappedTable, conditions: Sides[sql.Composable]) -> TableComparison:
        options = self._table_options(table)
        self._cache.open_snapshots()
        scope = Scope(
            str(table),
            resolve_tables(self._manifest, table, options),
            conditions,
            (*options.excluded_columns, *dropped_columns(self._manifest, table)),
            options.tolerances,
        )
        return plan_comparison(scope, self._sessions, self._calibrate(), self._options.salt)

    def _calibrate(self) -> Calibration:
        """Return the hash functions that both servers agree on."""
        if self._calibration is None:
            with unreadable_on_error("source or target", "hash functions"):
                is_sha256 = self._options.digest == "sha256"
                self._calibration = (
                    Calibration(SHA256) if is_sha256 else calibrate(*self._cache.open_snapshots())
                )
        return self._calibration

    def _count_recent(
        self, table: MappedTable, column: str, window: Sides[sql.Composed], whole: ScanResult
    ) -> Diff:
        query = sql.SQL("select count(*) from {} r where {}").format(
            whole.comparison.sides.source.table.relation, window.source
        )
        with unreadable_on_error("source", f"{table}.{column}"):
            row = self._cache.open_snapshots().source.execute(query).fetchone()
        rows = row[0] if row else 0
        return Diff(str(table), (), {**whole.facts, "rows_source": rows, "rows_target": rows})

    def _table_options(self, table: MappedTable) -> TableOptions:
        return self._options.tables.get(str(table), TableOptions())

    def _newly_throttled(self) -> float:
        """Return the seconds slept for the servers' sake since the last call."""
        governors = [session.governor for session in self._sessions]
        total = sum(g.throttled_seconds for g in governors if g is not None)
        newly, self._throttled_seconds = total - self._throttled_seconds, total
        return newly

    def _report_progress(
        self, table: str, rows_done: int, rows_expected: int | None, state: State, note: str = ""
    ) -> None:
        self._last_progress = (table, rows_done, rows_expected)
        self._options.progress(table, rows_done, rows_expected, state, note)


def _proves_recent(scan: ScanResult, column: str) -> bool:
    """Return whether the scan found all rows equal, in the column that selects recent ones too."""
    return not (scan.counts.total or scan.in_flight or column in scan.comparison.not_proven)


def _keep_seconds(fence: Fence | None) -> float:
    """Return how long an older snapshot may last: twice the time that a mover is given."""
    if isinstance(fence, WaitingFence):
        return max(2 * WAITS * fence.seconds, _LEAST_WITNESS_SECONDS)
    return _LEAST_WITNESS_SECONDS
