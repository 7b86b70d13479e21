"""Options of a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgcutover.compare.live.fence import Fence
from pgcutover.compare.plan.spec import TableOptions
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.compare.scan.chunk_log import no_progress
from pgcutover.compare.scan.heap_segments import ScanLimits
from pgcutover.compare.snapshots import ComparisonLog
from pgcutover.compare.throttle.server_load import LoadLimits
from pgcutover.config.budgets import Budgets
from pgcutover.config.tables import TableSettings, Tolerance
from pgcutover.key_hash.hashing import KeyHashes
from pgcutover.progress import Progress
from pgcutover.sides import Sides

__all__ = ["CompareOptions", "LoadLimits", "ScanLimits", "TableOptions", "Tolerance"]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """Options of all tables; `fence` shows when a mover has caught up, None where nothing moves.

    `log` keeps the tables that were equal, for the change ledger.
    `tables` is keyed by the name on the target. `digest` is "sha256" to use no hash function of
    the server's own.
    """

    salt: str = field(repr=False)
    digest: str = "fast"
    window_hours: float = 24.0
    fence: Fence | None = None
    statement_timeout_seconds: float = 0.0
    connections: int = 1
    chunk_seconds: float = 1.0
    snapshot_seconds: float = 900.0
    source_limits: LoadLimits = field(default_factory=LoadLimits)
    target_limits: LoadLimits = field(default_factory=LoadLimits)
    pause_seconds: float = 600.0
    config_sha256: str = ""
    checkpoints: Checkpoints = field(default_factory=lambda: Checkpoints(None, resume=False))
    progress: Progress = no_progress
    log: ComparisonLog | None = None
    key_hashes: KeyHashes = field(default_factory=KeyHashes.unnamed)
    tables: Mapping[str, TableOptions] = field(default_factory=dict)

    @property
    def scan_limits(self) -> ScanLimits:
        """The limits of each scan."""
        return ScanLimits(self.chunk_seconds, self.snapshot_seconds)


def table_options(tables: Mapping[str, TableSettings]) -> dict[str, TableOptions]:
    """Return the options that migration.toml gives its tables."""
    return {
        name: TableOptions(own.key, tuple(e.column for e in own.exclude), own.tolerate)
        for name, own in tables.items()
    }


def limits_of(budgets: Budgets, workers: int = 1) -> Sides[LoadLimits]:
    """Return the load that each side may bear; the source's is divided among the workers."""
    source = LoadLimits(
        budgets.max_source_load / workers,
        budgets.max_replica_lag_seconds,
        budgets.max_xmin_age_transactions,
        budgets.max_active_sessions,
        budgets.max_retained_wal_mb,
    )
    return Sides(source, LoadLimits(budgets.max_target_load))
