"""Judges the outbox for the gate: installed, complete, short, young, and without parked keys."""

from pgcutover.catalog.manifest import Manifest
from pgcutover.config import Outbox
from pgcutover.connect import open_side
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.outbox.install import refuse_another_migration
from pgcutover.outbox.status import OutboxStatus, read_status


class OutboxChecker:
    """Reads the outbox with the role of the relay, read only."""

    def __init__(self, dsn: str, migration: str, limits: Outbox, manifest: Manifest) -> None:
        """Connect to nothing yet."""
        self._dsn, self._migration = dsn, migration
        self._limits, self._manifest = limits, manifest

    def judge(self) -> Diff:
        """Return the faults of the outbox; UnreadableError where it cannot be read."""
        status = self._read()
        problems = tuple(
            finding(name, kind, message) for name, kind, message in status.faults(self._limits)
        )
        facts = {
            "entries": status.entries,
            "oldest_seconds": round(status.oldest_seconds, 1),
            "dead_entries": status.dead_entries,
        }
        return Diff("*", problems, facts)

    def _read(self) -> OutboxStatus:
        with open_side("source", self._dsn) as source, unreadable_on_error("source", "the outbox"):
            status = read_status(source, self._manifest.tables)
        refuse_another_migration(status.migration, self._migration)
        return status
