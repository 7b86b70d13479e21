"""What one run knows: taken once by the controller, handed to every worker."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgcutover.catalog import Manifest
from pgcutover.catalog.table_sizes import TableSize
from pgcutover.config import Settings, load_settings
from pgcutover.errors import PgCutoverError
from pgcutover.key_hashes import KeyHashes
from pgcutover.schema.evidence import SchemaEvidence

NO_OBJECTS = {
    "table": "the mapping includes no table",
    "recent_table": "no table has a recent_column in migration.toml",
    "expected_table": "the folder of expectations has no suite for a mapped table",
    "index": "no mapped table has an index",
    "foreign_key": "no mapped table has a foreign key",
}
"""Reasons why a check is not asked, by the kind of object that it asks for."""


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """How AWS is reached: boto3's own chain, or a local endpoint with invented credentials."""

    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RunContext:
    """Settings, connections and manifest of a run; DSNs, salt and key stay out of its repr."""

    settings: Settings
    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    manifest: Manifest = field(repr=False)
    aws: AwsAccess
    rehearsal: bool
    schema: SchemaEvidence = field(repr=False)
    sizes: Mapping[str, TableSize] = field(repr=False, default_factory=dict)
    salt: str = field(repr=False, default_factory=lambda: secrets.token_hex(16))
    key_hashes: KeyHashes = field(repr=False, default_factory=KeyHashes.unnamed)

    def switched_off(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the reason for each of these keys of migration.toml that is off or not set."""
        reasons = {key: describe_unset(self.settings, key) for key in keys if key}
        return {key: reason for key, reason in reasons.items() if reason}

    def objects(self) -> dict[str, tuple[object, ...]]:
        """What checks are parametrized over: kind, as they ask for it, and its objects."""
        tables, amcheck = self.manifest.kinds()["table"], self.settings.schema.amcheck
        return {
            **self.manifest.kinds(),
            "dms_task": (self.settings.mover.dms.task,) if self.settings.mover.dms else (),
            "dms_table": tables if self.settings.mover.dms else (),
            "amcheck_extent": () if amcheck == "off" else (amcheck,),
            "script_phase": ("pre-load", "post-load") if self.settings.schema.scripts else (),
            "expected_table": tuple(t for t in tables if self._has_suite(str(t))),
        }

    def _has_suite(self, table: str) -> bool:
        folder = self.settings.expectations
        return folder is not None and self.settings.resolve(folder / f"{table}.json").exists()

    def to_plain(self) -> dict[str, Any]:
        """Plain data for an xdist worker; it travels through a pipe, never a command line."""
        return {
            "settings": str(self.settings.path),
            "source_dsn": self.source_dsn,
            "target_dsn": self.target_dsn,
            "manifest": self.manifest.to_json(),
            "aws": [self.aws.endpoint_url, self.aws.access_key, self.aws.secret_key],
            "rehearsal": self.rehearsal,
            "schema": self.schema.to_json(),
            "sizes": {table: list(size) for table, size in self.sizes.items()},
            "salt": self.salt,
            "run_key": self.key_hashes.run_key.hex(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "RunContext":
        """The context that `to_plain` described."""
        return cls(
            load_settings(Path(plain["settings"])),
            plain["source_dsn"],
            plain["target_dsn"],
            Manifest.from_json(plain["manifest"]),
            AwsAccess(*plain["aws"]),
            plain["rehearsal"],
            SchemaEvidence.from_json(plain["schema"]),
            {table: TableSize(*size) for table, size in plain["sizes"].items()},
            plain["salt"],
            KeyHashes(bytes.fromhex(plain["run_key"])),
        )


def describe_unset(settings: Settings, key: str) -> str:
    """Return why a key of migration.toml switches nothing on; empty where it does.

    PgCutoverError where migration.toml has no such key.
    """
    value: object = settings
    for part in key.split("."):
        if value is None:
            break
        if not hasattr(value, part):
            raise PgCutoverError(f"only_where={key!r}: migration.toml has no key {part!r} there")
        value = getattr(value, part)
    if value in (None, "", ()):
        return f"{key} is not set in migration.toml"
    return f"{key} is {value} in migration.toml" if value in ("off", False) else ""
