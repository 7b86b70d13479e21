"""The section `[mover]`: the tool that copies the rows."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION, Positive


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class DmsSettings:
    """The AWS DMS objects of this migration, by their names in the account."""

    region: str
    """AWS region."""
    subnet_group: str
    """Replication subnet group."""
    subnet_ids: tuple[str, ...]
    """Subnets of the group."""
    replication_instance: str
    """Replication instance."""
    replication_instance_class: str
    """Its class, for example `dms.t3.medium`."""
    source_endpoint: str
    """Endpoint of the source."""
    target_endpoint: str
    """Endpoint of the target."""
    source_secret_id: str
    """Secret with the source's user and password."""
    target_secret_id: str
    """Secret with the target's user and password."""
    secrets_role_arn: str
    """Role by which DMS reads both secrets."""
    source_certificate: str
    """DMS certificate that holds the source's CA."""
    target_certificate: str
    """DMS certificate that holds the target's CA."""
    task: str
    """Replication task."""
    task_settings: Path
    """Task settings, a JSON file."""
    allocated_storage_gb: int = 50
    """Storage of the replication instance."""
    multi_az: bool = False
    """Run the replication instance in two availability zones."""
    security_group_ids: tuple[str, ...] = ()
    """Security groups of the replication instance."""
    source_ca_file: Path | None = None
    """PEM file that is imported as `source_certificate` when that does not exist."""
    target_ca_file: Path | None = None
    """PEM file that is imported as `target_certificate` when that does not exist."""
    load_timeout_seconds: Positive = 86_400.0
    """Longest wait for the full load."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Mover:
    """The tool that copies the rows."""

    dms: DmsSettings | None = None
    target_role: str = ""
    """Role by which the mover writes to the target; READY-WRITERS reports any other that writes."""

    @property
    def name(self) -> str | None:
        """The name of the configured mover, or None."""
        return "dms" if self.dms else None
