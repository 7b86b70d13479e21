"""Scans a table on both sides at the same time, and counts the rows that differ."""

from contextlib import closing
from dataclasses import asdict, dataclass, field

from pgcutover.compare.differences.counts import DifferenceCounts
from pgcutover.compare.differences.scan_result import ScanResult
from pgcutover.compare.plan.key_domain import KeyDomain, KeyRange
from pgcutover.compare.plan.model import TableComparison
from pgcutover.compare.scan.bucket_scan import scan_buckets
from pgcutover.compare.scan.checkpoints import TableCheckpoints
from pgcutover.compare.scan.chunk_log import ChunkLog, no_progress, open_chunk_log
from pgcutover.compare.scan.chunk_planner import ChunkPlanner
from pgcutover.compare.scan.drill_down import count_in_ranges, drill_down
from pgcutover.compare.scan.heap_segments import ScanLimits
from pgcutover.compare.scan.range_scan import RangeScan, fetch_key_bounds, require_index_scan
from pgcutover.errors import UnreadableError
from pgcutover.progress import Progress

SMALL_ROWS = 50_000  # larger tables are read in chunks
_RANGES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """Limits of a scan, and where its chunks and its progress are recorded."""

    limits: ScanLimits
    checkpoints: TableCheckpoints
    fingerprint: str = ""
    progress: Progress = no_progress


@dataclass(slots=True)
class _Count:
    """The rows and differences counted so far."""

    rows: int = 0
    has_suspects: bool = False
    differences: DifferenceCounts = field(default_factory=DifferenceCounts)
    notes: dict[str, object] = field(default_factory=dict)


def scan_table(comparison: TableComparison, settings: ScanSettings) -> ScanResult:
    """Scan both sides once, and read again what differs; UnreadableError where that disagrees."""
    domain = comparison.key_domain
    if domain is not None and comparison.rows_estimate > SMALL_ROWS:
        count, read_by = _scan_ranges(comparison, domain, settings), "ranges of the key"
    else:
        count, read_by = _scan_heap(comparison, settings), "the whole heap"
    settings.progress(comparison.name, count.rows, count.rows, "done")
    found = count.differences
    if count.has_suspects and not (found.total or found.tolerated):
        raise UnreadableError(
            f"{comparison.name}: the sums of both sides differ but no row does; two reads in one "
            "snapshot disagree; suspect a wrong IMMUTABLE function or a corrupt index"
        )
    return ScanResult(comparison, count.rows, found, read_by=read_by, notes=count.notes)


def _scan_heap(comparison: TableComparison, settings: ScanSettings) -> _Count:
    """Read a table sequentially; a large one that was equal is not read again on resuming."""
    if comparison.rows_estimate <= SMALL_ROWS:
        return _scan_buckets(comparison, settings)
    log = open_chunk_log(settings.checkpoints, settings.fingerprint)
    if log.resumed is not None:
        count = _Count(rows=log.resumed.rows, notes={"resumed": asdict(log.resumed)})
    else:
        count = _scan_buckets(comparison, settings)
        if not count.has_suspects:
            log.record(KeyRange(None, None), count.rows, [])
    count.notes |= log.notes
    return count


def _scan_buckets(comparison: TableComparison, settings: ScanSettings) -> _Count:
    def report(rows: int) -> None:
        settings.progress(comparison.name, rows, comparison.rows_estimate, "reading")

    count = _Count()
    found = scan_buckets(comparison, count.differences, settings.limits, report)
    count.rows, count.has_suspects = found.rows, found.has_suspects
    if found.snapshots > 1:
        count.notes["snapshots"] = found.snapshots
    return count


def _scan_ranges(comparison: TableComparison, domain: KeyDomain, settings: ScanSettings) -> _Count:
    require_index_scan(comparison, domain)
    log = open_chunk_log(settings.checkpoints, settings.fingerprint)
    count = _count_resumed(comparison, domain, log)
    planner = ChunkPlanner(
        domain,
        fetch_key_bounds(comparison, domain),
        comparison.rows_estimate,
        settings.limits.target_seconds,
        log.chunks,
    )
    scan = RangeScan(comparison, domain, planner, settings.limits.snapshot_seconds)
    with closing(scan.chunks()) as results:
        for result in results:
            rows = result.counts.source
            count.rows += rows
            if result.suspects:
                # packed pairs may differ in their order alone
                count.has_suspects |= not result.detail
                drill_down(comparison, domain, count.differences, result)
            chunk = KeyRange(result.chunk.first, result.chunk.last)
            log.record(chunk, rows, result.differing)
            settings.progress(comparison.name, count.rows, comparison.rows_estimate, "reading")
    count.notes |= {"snapshots": scan.snapshots, **log.notes}
    return count


def _count_resumed(comparison: TableComparison, domain: KeyDomain, log: ChunkLog) -> _Count:
    """Take over the rows that an earlier run counted, and read again its differing ranges."""
    if log.resumed is None:
        return _Count()
    count = _Count(rows=log.resumed.rows, notes={"resumed": asdict(log.resumed)})
    for start in range(0, len(log.suspects), _RANGES_AT_ONCE):
        ranges = log.suspects[start : start + _RANGES_AT_ONCE]
        count_in_ranges(comparison, domain, count.differences, ranges)
    return count
