"""migration.toml: what migrates, and by which rules it is judged."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pgcutover.catalog import DeclaredDifference
from pgcutover.compare.hashing.tolerance_bins import Tolerance, require_sensible_bounds
from pgcutover.errors import ConfigError
from pgcutover.mapping import MappingRules, parse_rules
from pgcutover.typed import build


@dataclass(frozen=True, slots=True)
class Source:
    """The variables of a role that reads the source, and of one that may write the marker.

    Where the second is set, live differences are confirmed behind a row written into the marker
    table, the only thing that is ever written on the source.
    """

    dsn_env: str
    marker_dsn_env: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The variables of a role that reads the target, and of its owner for --provision."""

    dsn_env: str
    provision_dsn_env: str = ""


@dataclass(frozen=True, slots=True)
class DmsSettings:
    """The AWS DMS objects of this migration, by the names they carry in the account."""

    region: str
    subnet_group: str
    subnet_ids: tuple[str, ...]
    replication_instance: str
    replication_instance_class: str
    source_endpoint: str
    target_endpoint: str
    source_secret_id: str
    target_secret_id: str
    secrets_role_arn: str
    source_certificate: str
    target_certificate: str
    task: str
    task_settings: Path
    allocated_storage_gb: int = 50
    multi_az: bool = False
    security_group_ids: tuple[str, ...] = ()
    source_ca_file: Path | None = None
    target_ca_file: Path | None = None
    load_timeout_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Mover:
    """What carries the rows."""

    dms: DmsSettings | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """Where the numbered scripts lie: `pre-load/NN_*.sql` and `post-load/NN_*.sql`.

    What the target's schema should be is tried out on an embedded server of its major, or, where
    that lacks an extension, on the one whose superuser's DSN is in the variable `scratch_dsn_env`.
    `amcheck` looks into the target's indexes, where that extension is installed: off, sample, or
    full, which also looks for every row in them. Partitions must take the rows of the coming
    `partitions_ahead_days`.
    """

    scripts: Path | None = None
    scratch_dsn_env: str = ""
    amcheck: str = "off"
    partitions_ahead_days: int = 7
    marker_table: str = "public.pgcutover_marker"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A column that is not compared, and why; reports print it as not proven."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableSettings:
    """What one table, named as on the target, needs beyond the defaults."""

    recent_column: str = ""
    key: tuple[str, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    tolerate: tuple[Tolerance, ...] = ()


@dataclass(frozen=True, slots=True)
class Budgets:
    """How long a lagging mover is waited for and a statement may take; how hard a side is read.

    `connections` read one large table on each side at a time, `chunk_seconds` is the time that one
    of their statements should take; a snapshot is renewed after `snapshot_seconds`. While others
    are at work on a server, our sessions keep `max_source_load` or `max_target_load` of its
    backends busy on average; 1 does not hold back. Reading pauses, for `pause_seconds` at most,
    while the source has more replica lag, an older transaction of others, more active sessions or
    more WAL retained by a slot than allowed; 0 does not watch.
    """

    settle_seconds: float = 5.0
    marker_timeout_seconds: float = 60.0
    statement_timeout_seconds: float = 3_600.0
    connections: int = 2
    chunk_seconds: float = 1.0
    snapshot_seconds: float = 900.0
    max_source_load: float = 0.1
    max_target_load: float = 1.0
    max_replica_lag_seconds: float = 30.0
    max_xmin_age_transactions: int = 10_000_000
    max_active_sessions: int = 0
    max_retained_wal_mb: float = 0.0
    pause_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The demo migration on embedded servers, which `pgcutover rehearse` runs."""

    source_major: int = 15
    target_major: int = 17
    scale: int = 1
    seed: int = 20_260_701
    workload_seconds: float = 5.0
    workload_rate_per_second: float = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """Where results go, and for how long a PASS may be used."""

    directory: Path = Path("out")
    valid_hours: float = 4.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What migrates; the keys of a table are named as on the target."""

    name: str
    table_mappings: Path
    source: Source
    target: Target
    schema: Schema = Schema()
    mover: Mover = Mover()
    expectations: Path | None = None
    recent_window_hours: float = 24.0
    tables: Mapping[str, TableSettings] = field(default_factory=dict)
    differences: tuple[DeclaredDifference, ...] = ()
    budgets: Budgets = Budgets()
    rehearsal: Rehearsal = Rehearsal()
    report: Report = Report()
    path: Path = Path()
    config_sha256: str = ""

    def resolve(self, path: Path) -> Path:
        """A path of the file, seen from the file's own folder."""
        return self.path.parent / path


def load_settings(path: Path) -> Settings:
    """The settings in `path`; ConfigError names section, key, what was expected and found."""
    raw = _read(path)
    settings: Settings = build(Settings, raw, path.name, forbidden=("path", "config_sha256"))
    _refuse_senseless(settings, path.name)
    digest = hashlib.sha256(path.read_bytes())
    for linked in _linked_files(settings, path.parent):
        digest.update(_bytes_of(linked, path.name))
    return replace(settings, path=path.resolve(), config_sha256=digest.hexdigest())


def load_rules(settings: Settings) -> MappingRules:
    """The table-mapping rules that the settings name."""
    return parse_rules(
        read_json(settings.resolve(settings.table_mappings)), settings.table_mappings.name
    )


def read_json(path: Path) -> Any:
    """The JSON document in `path`; ConfigError says line and column where it is broken."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 text: byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path.name} is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error


def _refuse_senseless(settings: Settings, where: str) -> None:
    for table, own in settings.tables.items():
        for tolerance in own.tolerate:
            require_sensible_bounds(tolerance, f"{where}: tables.{table!r}")
    budgets, marker = settings.budgets, settings.schema.marker_table
    if settings.schema.amcheck not in ("off", "sample", "full"):
        raise ConfigError(
            f"{where}: schema.amcheck: expected off, sample or full, found "
            f"{settings.schema.amcheck!r}"
        )
    if not all(marker.partition(".")):
        raise ConfigError(f"{where}: schema.marker_table: expected schema.table, found {marker!r}")
    if not 1 <= budgets.connections <= 32:
        raise ConfigError(
            f"{where}: budgets.connections: expected 1 to 32, found {budgets.connections}"
        )
    for name in ("max_source_load", "max_target_load"):
        if not 0 < (load := getattr(budgets, name)) <= 1:
            raise ConfigError(
                f"{where}: budgets.{name}: expected more than 0 and at most 1, found {load:g}"
            )
    if not 0 < budgets.chunk_seconds <= 600:
        raise ConfigError(
            f"{where}: budgets.chunk_seconds: expected more than 0 and at most 600, found "
            f"{budgets.chunk_seconds:g}"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML: {error}") from error


def _linked_files(settings: Settings, base: Path) -> list[Path]:
    """The files that decide what is judged and how; a PASS is bound to them all."""
    dms, scripts, suites = settings.mover.dms, settings.schema.scripts, settings.expectations
    found = [base / settings.table_mappings]
    found += [base / dms.task_settings] if dms else []
    found += sorted((base / scripts).glob("*/*.sql")) if scripts else []
    found += sorted((base / suites).glob("*.json")) if suites else []
    return found


def _bytes_of(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where} names {path.name}: {error.strerror}") from error
