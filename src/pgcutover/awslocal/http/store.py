"""What the service remembers: resources in memory, written to one private file at each change."""

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
    """A change of state that time alone brings; value None means the resource is gone."""

    at: float
    key: str
    value: str | None


@dataclass(slots=True)
class Record:
    """One resource: `wire` is what AWS shows of it, `hidden` what it never shows."""

    kind: str
    arn: str
    identifier: str
    wire: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict, repr=False)
    tags: dict[str, str] = field(default_factory=dict)
    due: Due | None = None

    @property
    def region(self) -> str:
        """The region the resource lives in."""
        return self.arn.split(":")[3]

    @property
    def resource_id(self) -> str:
        """The last part of the ARN, which DMS calls the external resource id."""
        return self.arn.rsplit(":", 1)[1]

    def become(self, key: str, now: str, then: str | None, delay: float) -> None:
        """Show one state now and another (None: be gone) after the delay."""
        self.wire[key] = now
        self.due = Due(time.time() + delay, key, then)


class Store:
    """All resources of all regions; hold `lock` while reading or changing any of them."""

    def __init__(self, file: Path) -> None:
        """Resources of an earlier process are read back from the file."""
        self.lock = threading.RLock()
        self._file = file
        self._records: dict[str, Record] = _read(file)

    def add(self, record: Record) -> None:
        """Remember a new resource; the fault says when its identifier is taken."""
        if self.named(record.kind, record.region, record.identifier):
            title = TITLES[record.kind]
            raise already_exists(f"{title} already exists: {record.identifier}")
        self._records[record.arn] = record
        self.save()

    def get(self, kind: str, arn: str) -> Record:
        """The resource with this ARN; a fault where there is none."""
        self.settle()
        record = self._records.get(arn)
        if record is None or record.kind != kind:
            raise not_found(f"{TITLES[kind]} {arn} not found.")
        return record

    def any(self, arn: str) -> Record:
        """The resource of whatever kind with this ARN."""
        self.settle()
        if arn not in self._records:
            raise not_found(f"Resource {arn} not found.")
        return self._records[arn]

    def named(self, kind: str, region: str, identifier: str) -> Record | None:
        """The resource of that kind and identifier, if there is one."""
        found = (r for r in self.all(kind, region) if r.identifier == identifier)
        return next(found, None)

    def all(self, kind: str, region: str | None = None) -> list[Record]:
        """The resources of a kind, oldest first."""
        self.settle()
        return [r for r in self._records.values() if r.kind == kind and region in (None, r.region)]

    def remove(self, record: Record) -> None:
        """Forget a resource at once."""
        self._records.pop(record.arn, None)
        self.save()

    def settle(self) -> None:
        """Let the states whose time has come change."""
        now = time.time()
        for record in [r for r in self._records.values() if r.due and r.due.at <= now]:
            due, record.due = record.due, None
            if due and due.value is not None:
                record.wire[due.key] = due.value
            else:
                del self._records[record.arn]

    def save(self) -> None:
        """Write everything, atomically; the file holds endpoint passwords, so it is private."""
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
    """An ARN as DMS forms it, with a random resource id unless one is given."""
    return f"arn:aws:dms:{region}:{ACCOUNT}:{kind}:{resource_id or random_id()}"


def random_id() -> str:
    """Twenty-six characters of A-Z and 2-7, like DMS's own resource ids."""
    return "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(26))
