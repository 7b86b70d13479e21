"""The folder of a rehearsal's night: its migration.toml, its secret, and the variables it names."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pgcutover.config import DmsSettings, Settings
from pgcutover.errors import ConfigError
from pgcutover.rehearsal.stage import Stage

SECRET = "KGC/Database/Connection"  # noqa: S105 - a name
_SECTIONS = """
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[schema]
marker_table = {marker}
[budgets]
max_source_load = 1.0
[ledger]
source_dsn_env = "PGCUTOVER_SOURCE_OWNER_DSN"
target_dsn_env = "PGCUTOVER_TARGET_OWNER_DSN"
[freeze]
dsn_env = "PGCUTOVER_SOURCE_OWNER_DSN"
target_dsn_env = "PGCUTOVER_TARGET_OWNER_DSN"
mover_role = {role}
application_roles = ["kgc_app"]
[cutover]
slot_plugin = "test_decoding"
[checks]
folder = {checks}
[cutover.smoke]
suite = true
queries = {queries}
[cutover.secret]
id = {secret}
region = {region}
target_url_env = "PGCUTOVER_TARGET_APP_DSN"
[mover]
target_role = {role}
[mover.dms]
"""


@dataclass(frozen=True, slots=True)
class NightFolder:
    """The migration.toml of a night, and the environment of its commands."""

    migration: Path
    environment: Mapping[str, str]

    def __repr__(self) -> str:
        """Show no DSN."""
        return f"NightFolder({self.migration})"


def make_night_folder(settings: Settings, stage: Stage, folder: Path, smoke: Path) -> NightFolder:
    """Write the night's migration.toml, and create the secret that the application reads.

    `smoke` is the folder of the application's queries and of its own smoke checks.
    """
    dms = settings.mover.dms
    if dms is None:
        raise ConfigError("a rehearsal needs mover.dms in migration.toml")
    folder.mkdir(mode=0o700)
    migration = folder / "migration.toml"
    migration.write_text("\n".join(_lines(settings, dms, smoke)), "utf-8")
    _create_secret(stage, dms.region, stage.dsn(stage.source, "kgc_app"))
    _share_schema(stage)
    return NightFolder(migration, _environment(stage))


def _lines(settings: Settings, dms: DmsSettings, smoke: Path) -> Iterator[str]:
    mappings = settings.resolve(settings.table_mappings).resolve()
    yield f"name = {json.dumps(settings.name)}"
    yield f"table_mappings = {json.dumps(str(mappings))}"
    yield _SECTIONS.format(
        marker=json.dumps(settings.schema.marker_table),
        role=json.dumps(settings.mover.target_role),
        secret=json.dumps(SECRET),
        checks=json.dumps(str(smoke / "checks")),
        queries=json.dumps(str(smoke / "queries.sql")),
        region=json.dumps(dms.region),
    )
    for field in dataclasses.fields(dms):
        value = getattr(dms, field.name)
        if isinstance(value, Path):
            value = str(settings.resolve(value).resolve())
        if value is not None:
            yield f"{field.name} = {json.dumps(value)}"


def _environment(stage: Stage) -> dict[str, str]:
    dsns = {
        "SOURCE_DSN": stage.dsn(stage.source, "kgc_check"),
        "TARGET_DSN": stage.dsn(stage.target, "kgc_check"),
        "SOURCE_OWNER_DSN": stage.dsn(stage.source, "kgc_cutover"),
        "TARGET_OWNER_DSN": stage.dsn(stage.target, "kgc_cutover"),
        "TARGET_APP_DSN": stage.dsn(stage.target, "kgc_app"),
    }
    return {
        **{f"PGCUTOVER_{name}": dsn for name, dsn in dsns.items()},
        "PGCUTOVER_AWS_ENDPOINT_URL": stage.aws.endpoint_url or "",
        "AWS_ACCESS_KEY_ID": stage.aws.access_key or "",
        "AWS_SECRET_ACCESS_KEY": stage.aws.secret_key or "",
    }


def _share_schema(stage: Stage) -> None:
    """Let the cutover's role use the schema of the fence, which provisioning made on the target."""
    with psycopg.connect(stage.superuser_dsn(stage.target)) as target:
        target.execute("grant usage, create on schema pgcutover to kgc_cutover")


def _create_secret(stage: Stage, region: str, url: str) -> None:
    from pgcutover.movers.dms.client import Api

    document = json.dumps({"DATABASE_URL": url})
    api = Api(region, stage.aws)
    api.call("secretsmanager", "create_secret", Name=SECRET, SecretString=document)
