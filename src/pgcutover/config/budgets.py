"""The section `[budgets]`: waiting times and the load that a comparison may cause."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION, AtLeastZero, Positive, Share


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Budgets:
    """Waiting times, and the load that a comparison may cause on each side."""

    settle_seconds: AtLeastZero = 5.0
    """Time between two rechecks of a row that differs, where no marker row can be written."""
    marker_timeout_seconds: AtLeastZero = 60.0
    """Longest wait for the marker row to reach the target."""
    statement_timeout_seconds: AtLeastZero = 3_600.0
    """Longest time of one statement; 0 sets no limit."""
    connections: Annotated[int, Field(ge=1, le=32)] = 2
    """Connections that read one large table on each side at a time."""
    chunk_seconds: Annotated[float, Field(gt=0, le=600)] = 1.0
    """Time that one statement of a scan should take."""
    snapshot_seconds: Positive = 900.0
    """Age at which a snapshot is renewed."""
    max_source_load: Share = 0.1
    """Backends that our sessions keep busy on average on the source while other sessions are
    active; 1 does not throttle."""
    max_target_load: Share = 1.0
    """The same for the target."""
    max_replica_lag_seconds: AtLeastZero = 30.0
    """Pause while a replica of the source lags by more; 0 does not watch."""
    max_xmin_age_transactions: Annotated[int, Field(ge=0)] = 10_000_000
    """Pause while another session of the source holds an older transaction; 0 does not watch."""
    max_active_sessions: Annotated[int, Field(ge=0)] = 0
    """Pause while the source has more active sessions; 0 does not watch."""
    max_retained_wal_mb: AtLeastZero = 0.0
    """Pause while a slot of the source retains more WAL; 0 does not watch."""
    pause_seconds: AtLeastZero = 600.0
    """Longest pause; after it the table's result is UNKNOWN."""
