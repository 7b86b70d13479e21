"""The sections of migration.toml, and the file as a whole."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pgcutover.config.budgets import Budgets
from pgcutover.config.cutover.after import After
from pgcutover.config.cutover.dual_write import DualWriteSettings
from pgcutover.config.cutover.freeze import FreezeSettings
from pgcutover.config.cutover.ledger import Ledger
from pgcutover.config.cutover.outbox import Outbox
from pgcutover.config.cutover.switch import Cutover
from pgcutover.config.differences import DeclaredDifference
from pgcutover.config.mover import Mover
from pgcutover.config.policy import Policy
from pgcutover.config.section import (
    SECTION,
    AtLeastZero,
    EnvironmentVariable,
    OptionalVariable,
    Positive,
    QualifiedName,
)
from pgcutover.config.tables import TableSettings


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Source:
    """The database that rows are copied from."""

    dsn_env: EnvironmentVariable
    """Environment variable with the DSN of a role that reads the source."""
    marker_dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of a role that may write the marker table. If set, rows
    that differ while the mover runs are confirmed behind a row written there, the only thing that
    is ever written on the source."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Target:
    """The database that rows are copied to."""

    dsn_env: EnvironmentVariable
    """Environment variable with the DSN of a role that reads the target."""
    provision_dsn_env: OptionalVariable = ""
    """Environment variable with the DSN of the target's owner, used only with --provision."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Schema:
    """The expected schema of the target."""

    scripts: Path | None = None
    """Folder of the numbered scripts `pre-load/NN_*.sql` and `post-load/NN_*.sql`."""
    scratch_dsn_env: OptionalVariable = ""
    """Environment variable with a superuser's DSN of a server on which the expected schema is
    built; without it, an embedded server of the target's major is used. Needed if that lacks an
    extension."""
    amcheck: Literal["off", "sample", "full"] = "off"
    """Verify the target's indexes with the extension amcheck; `full` also looks for every row in
    them."""
    partitions_ahead_days: Annotated[int, Field(ge=0)] = 7
    """Days for which partitions must exist already."""
    marker_table: QualifiedName = "public.pgcutover_marker"
    """Marker table on the source; see `source.marker_dsn_env`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Checks:
    """Checks of your own, beside those of pgcutover."""

    folder: Path | None = None
    """Folder of check files `STAGE/test_*.py`; CONTRIBUTING.md shows one. The run expects a result
    of each, as of the other checks."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Rehearsal:
    """The demo migration on embedded servers, which `pgcutover rehearse` runs."""

    source_major: int = 15
    """PostgreSQL major version of the source."""
    target_major: int = 17
    """PostgreSQL major version of the target."""
    scale: int = 1
    """Size of the generated source."""
    seed: int = 20_260_701
    """Seed of the generated rows."""
    workload_seconds: AtLeastZero = 5.0
    """Time during which an application writes."""
    workload_rate_per_second: Positive = 60.0
    """Transactions a second of that application."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Report:
    """The reports of a run."""

    directory: Path = Path("out")
    """Folder of the reports, one folder a run."""
    valid_hours: Positive = 4.0
    """Time during which a PASS may be used."""
    keep_runs: Annotated[int, Field(ge=1)] = 20
    """Number of this migration's last runs to keep; gates and rehearsals are counted apart. The
    folder of an older run is removed, unless a file was added to it, such as a signature."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class MigrationFile:
    """The file as a whole."""

    name: str
    """Name of the migration."""
    table_mappings: Path
    """Table mappings of AWS DMS, a JSON file: the tables that migrate, and their names on the
    target."""
    source: Source
    target: Target
    schema: Schema = Schema()
    mover: Mover = Mover()
    ledger: Ledger = Ledger()
    outbox: Outbox = Outbox()
    dual_write: DualWriteSettings = DualWriteSettings()
    expectations: Path | None = None
    """Folder of Great Expectations suites, `schema.table.json` for each table."""
    recent_window_hours: Positive = 24.0
    """Rows of this time before a table's newest row are its recent rows."""
    tables: Mapping[str, TableSettings] = field(default_factory=dict)
    differences: tuple[DeclaredDifference, ...] = ()
    budgets: Budgets = Budgets()
    cutover: Cutover = Cutover()
    after: After = After()
    freeze: FreezeSettings = FreezeSettings()
    policy: Policy = Policy()
    checks: Checks = Checks()
    rehearsal: Rehearsal = Rehearsal()
    report: Report = Report()


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Settings(MigrationFile):
    """The file's contents, its path, and a digest of it and the files that it names."""

    path: Path
    config_sha256: str

    def resolve(self, path: Path) -> Path:
        """Return a path of the file as seen from the file's own folder."""
        return self.path.parent / path
