"""The section `[after]`: the hours after the opening, which `pgcutover watch` judges."""

from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION, AtLeastZero, Positive, Share


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class After:
    """The stage after: limits for the side that a cutover has opened."""

    try_inserts: bool = False
    """Insert a copy of a row into every table with a sequence or an identity, as clients do, and
    roll it back. Each try takes a value from the sequence, and triggers run."""
    slow_query_factor: AtLeastZero = 0.0
    """How many times as long as on the side of before a query of pg_stat_statements may take on
    average; 0 does not look."""
    max_open_seconds: Positive = 60.0
    """Longest time for which a changed key of the ledger may stay unproven."""
    region: str = ""
    """AWS region of `log_group` and `rds_instance`."""
    log_group: str = ""
    """Log group of the application in CloudWatch Logs."""
    error_filter: str = "?ERROR ?FATAL"
    """Filter pattern of CloudWatch Logs that finds errors."""
    log_minutes: Positive = 5.0
    """Minutes of the log that each look covers."""
    rds_instance: str = ""
    """DB instance identifier whose metrics are judged."""
    max_cpu_percent: Positive = 80.0
    """Largest CPUUtilization."""
    max_connection_share: Share = 0.8
    """Largest share of max_connections that DatabaseConnections may reach."""
    min_free_storage_mb: AtLeastZero = 10_240.0
    """Smallest FreeStorageSpace."""
    max_latency_ms: Positive = 20.0
    """Largest ReadLatency and WriteLatency."""

    def __post_init__(self) -> None:
        """Refuse names of AWS without a region."""
        if (self.log_group or self.rds_instance) and not self.region:
            raise ValueError("after.region where log_group or rds_instance is set")
