"""The service's resources, in memory and in one private file that each change rewrites."""

import json
import secrets
import string
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pgcutover.awslocal.http.aws_errors import already_exists, not_found

ACCOUNT = "123456789012"
TITLES = {
    "subgrp": "Replication Subnet Group",
    "rep": "Replication Instance",
    "endpoint": "Endpoint",
    "cert": "Certificate",
    "connection": "Connection",
    "task": "Replication Task",
}


@dataclass(slots=True)
class Due:
    """A scheduled change of state; value None means that the resource is deleted."""

    at: float
    key: str
    value: str | None


@dataclass(slots=True)
class Record:
    """A resource: `wire` is returned by AWS, `hidden` never is."""

    kind: str
    arn: str
    identifier: str
    wire: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict, repr=False)
    tags: dict[str, str] = field(default_factory=dict)
    due: Due | None = None

    @property
    def region(self) -> str:
        """Return the resource's region."""
        return self.arn.split(":")[3]

    @property
    def resource_id(self) -> str:
        """Return the last part of the ARN, which DMS calls the external resource id."""
        return self.arn.rsplit(":", 1)[1]

    def become(self, key: str, now: str, then: str | None, delay: float) -> None:
        """Set one state now and another one (None: deleted) after the delay."""
        self.wire[key] = now
        self.due = Due(time.time() + delay, key, then)


class Store:
    """All resources of all regions; hold `lock` while reading or changing them."""

    def __init__(self, file: Path) -> None:
        """Read the resources that an earlier process left in the file."""
        self.lock = threading.RLock()
        self._file = file
        self._records: dict[str, Record] = _read(file)

    def add(self, record: Record) -> None:
        """Add a resource; DmsFault if its identifier is in use."""
        if self.named(record.kind, record.region, record.identifier):
            title = TITLES[record.kind]
            raise already_exists(f"{title} already exists: {record.identifier}")
        self._records[record.arn] = record
        self.save()

    def get(self, kind: str, arn: str) -> Record:
        """Return the resource with this ARN; DmsFault if there is none."""
        self.settle()
        record = self._records.get(arn)
        if record is None or record.kind != kind:
            raise not_found(f"{TITLES[kind]} {arn} not found.")
        return record

    def any(self, arn: str) -> Record:
        """Return the resource with this ARN, of any kind."""
        self.settle()
        if arn not in self._records:
            raise not_found(f"Resource {arn} not found.")
        return self._records[arn]

    def named(self, kind: str, region: str, identifier: str) -> Record | None:
        """Return the resource of that kind and identifier, or None."""
        found = (r for r in self.all(kind, region) if r.identifier == identifier)
        return next(found, None)

    def all(self, kind: str, region: str | None = None) -> list[Record]:
        """Return the resources of a kind, oldest first."""
        self.settle()
        return [r for r in self._records.values() if r.kind == kind and region in (None, r.region)]

    def remove(self, record: Record) -> None:
        """Remove a resource immediately."""
        self._records.pop(record.arn, None)
        self.save()

    def settle(self) -> None:
        """Apply the state changes that are due."""
        now = time.time()
        for record in [r for r in self._records.values() if r.due and r.due.at <= now]:
            due, record.due = record.due, None
            if due and due.value is not None:
                record.wire[due.key] = due.value
            else:
                del self._records[record.arn]

    def save(self) -> None:
        """Write all resources atomically; the file is private because it contains passwords."""
        part = self._file.with_suffix(".part")
        text = json.dumps([asdict(r) for r in list(self._records.values())])
        part.touch(mode=0o600)
        part.write_text(text, "utf-8")
        part.replace(self._file)


def _read(file: Path) -> dict[str, Record]:
    if not file.exists():
        return {}
    rows = json.loads(file.read_text("utf-8"))
    records = [Record(**{**row, "due": Due(**row["due"]) if row["due"] else None}) for row in rows]
    return {record.arn: record for record in records}


def new_arn(kind: str, region: str, resource_id: str | None = None) -> str:
    """Return an ARN as DMS forms it, with a random resource id unless one is given."""
    return f"arn:aws:dms:{region}:{ACCOUNT}:{kind}:{resource_id or random_id()}"


def random_id() -> str:
    """Return 26 characters of A-Z and 2-7, as DMS's resource ids have."""
    return "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(26))
