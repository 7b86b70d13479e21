"""The context of a run: created once by the controller, and sent to every worker."""

import pickle
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pgcutover.catalog import Manifest
from pgcutover.catalog.table_sizes import TableSize
from pgcutover.checking.registry import STAGES
from pgcutover.config import Settings
from pgcutover.errors import PgCutoverError
from pgcutover.key_hash.hashing import KeyHashes
from pgcutover.schema.evidence import SchemaEvidence

NO_OBJECTS = {
    "table": "the mapping includes no table",
    "recent_table": "no table has a recent_column in migration.toml",
    "index": "no mapped table has an index",
    "foreign_key": "no mapped table has a foreign key",
    "freeze_run": "only a cutover asks it, within its freeze",
}
"""Reasons why a check is not asked, by the kind of object of the manifest that it asks for."""
_OWN_RUNS = {
    "smoke": "only a cutover asks it, before it opens the side that clients are sent to",
    "after": "only pgcutover watch asks it, once a cutover has opened a side",
}
"""Stages that no gate asks, each with the reason."""


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Access to AWS: credentials of boto3's own chain, or a local endpoint with generated ones."""

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
    stage: str = ""
    key_hashes: KeyHashes = field(repr=False, default_factory=KeyHashes.unnamed)
    found_objects: Mapping[str, tuple[object, ...]] = field(repr=False, default_factory=dict)
    """The objects of the kinds that folders of checks declare."""

    def stages_not_asked(self) -> dict[str, str]:
        """Return the stages that this run does not ask, each with the reason."""
        if not self.stage:
            return _OWN_RUNS
        return {s: f"the run is of the stage {self.stage}" for s in STAGES if s != self.stage}

    def switched_off(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the reason for each of these keys of migration.toml that is off or not set."""
        reasons = {key: describe_unset(self.settings, key) for key in keys if key}
        return {key: reason for key, reason in reasons.items() if reason}

    def objects(self) -> dict[str, tuple[object, ...]]:
        """Return the objects that checks are parametrized over, by kind, as a check names it."""
        freeze_run = ("*",) if self.stage == "freeze" else ()
        return {**self.manifest.kinds(), "freeze_run": freeze_run, **self.found_objects}

    def to_bytes(self) -> bytes:
        """Return the context for an xdist worker; it goes through a pipe, never a command line."""
        return pickle.dumps(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "RunContext":
        """Return the context that the controller sent; PgCutoverError for anything else."""
        context = pickle.loads(data)  # noqa: S301 - from our own controller, through xdist's pipe
        if not isinstance(context, cls):
            raise PgCutoverError("the controller sent no context; use one version of pgcutover")
        return context


def describe_unset(settings: Settings, key: str) -> str:
    """Return the reason why a key of migration.toml enables nothing; '' if it does.

    PgCutoverError if migration.toml has no such key.
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
