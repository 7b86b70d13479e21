"""The migration that the freeze's benchmark cuts over: two servers, DMS, a ledger and a client."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from schema import RULE

from pgcutover.awslocal.http.process import aws_endpoint
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.config import DmsSettings, Settings, load_settings
from pgcutover.context import AwsAccess
from pgcutover.cutover.databases.marker_mover import MarkerMover
from pgcutover.cutover.errors import RefusedError, StepError
from pgcutover.cutover.gates.approval import Approval
from pgcutover.cutover.journal import journal_path, read_entries
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.wiring import open_databases, open_driver
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.ledger.ledgers import Ledgers, open_ledgers
from pgcutover.ledger.opening import parts_from
from pgcutover.movers.dms import Dms

_SCHEMA = """
create table accounts (id bigint primary key, balance bigint not null, note text);
create table orders (id bigserial primary key, note text, at timestamptz default now());
create table settings (name text primary key, value text);
create table pgcutover_marker (id uuid primary key, noted_at timestamptz default now());
"""
_ROWS = """
insert into accounts select i, i, 'an account with a note of usual length ' || i
from generate_series(1, %s) i
"""
_MIGRATION = """
name = "bench"
table_mappings = "mapping.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[schema]
marker_table = "public.pgcutover_marker"
[freeze]
dsn_env = "PGCUTOVER_SOURCE_OWNER_DSN"
target_dsn_env = "PGCUTOVER_TARGET_OWNER_DSN"
mover_role = "dms"
connections_per_second = 1
[ledger]
source_dsn_env = "PGCUTOVER_SOURCE_OWNER_DSN"
target_dsn_env = "PGCUTOVER_TARGET_OWNER_DSN"
[cutover.env_file]
path = "app.env"
source_url_env = "PGCUTOVER_SOURCE_DSN"
target_url_env = "PGCUTOVER_TARGET_DSN"
"""
_TASK_SETTINGS = {
    "TargetMetadata": {"SupportLobs": True, "LimitedSizeLobMode": True, "LobMaxSize": 32},
    "FullLoadSettings": {
        "TargetTablePrepMode": "DO_NOTHING",
        "StopTaskCachedChangesApplied": True,
    },
    "ValidationSettings": {"EnableValidation": False},
}
_CONTROL_TABLES = {
    "rule-type": "selection",
    "rule-id": "2",
    "rule-name": "control-tables",
    "object-locator": {"schema-name": "public", "table-name": "awsdms%"},
    "rule-action": "exclude",
}
_MAPPINGS = {"rules": [RULE, _CONTROL_TABLES]}
_CLIENT = Path(__file__).with_name("freeze_client.py")
_THREADS = 4
_START_TRIES = 20
_START_PAUSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers and the local AWS endpoint, for several sites."""

    source: RunningServer
    target: RunningServer
    aws: AwsAccess
    folder: Path


@contextmanager
def running_servers(task_seconds: str) -> Iterator[Servers]:
    """Start servers that flush, as real ones do, and a DMS whose tasks take their time."""
    os.environ["PGCUTOVER_AWSLOCAL_TASK_SECONDS"] = task_seconds
    specs = [
        ServerSpec("source", 15, {"max_locks_per_transaction": "1024"}, durable=True),
        ServerSpec("target", 17, {"max_locks_per_transaction": "1024"}, durable=True),
    ]
    with ExitStack() as stack:
        pair = stack.enter_context(servers(specs, progress=say))
        folder = pair["source"].run_dir
        endpoint = stack.enter_context(aws_endpoint(folder / "aws", progress=say))
        access = AwsAccess(endpoint.url, "bench", secrets.token_hex(16))
        yield Servers(pair["source"], pair["target"], access, folder)


class OneWay(MarkerMover):
    """The mover without its way back, which begins after the opening."""

    def problems(self, writer: Side) -> list[str]:
        """Return that nothing is missing."""
        return []

    def start(self, writer: Side, slot: str) -> None:
        """Start nothing."""

    def is_running(self, writer: Side) -> bool:
        """Return that nothing is waited for."""
        return True


@dataclass(slots=True)
class Site:
    """One migration of the benchmark, loaded and replicated."""

    running: Servers
    name: str
    rows: int
    folder: Path
    timeline: list[tuple[str, float]] = field(default_factory=list)

    @property
    def dsns(self) -> dict[Side, str]:
        """The superusers' DSNs of both databases."""
        return {
            Side.SOURCE: self.running.source.dsn(self.name),
            Side.TARGET: self.running.target.dsn(self.name),
        }

    @property
    def settings(self) -> Settings:
        """Read migration.toml."""
        return load_settings(self.folder / "migration.toml")

    def execute(self, side: Side, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; return the rows of the last one."""
        with psycopg.connect(self.dsns[side], autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def ledgers(self) -> Iterator[Ledgers]:
        """Open the ledgers, and compare at full speed, as a freeze does."""
        parts = parts_from(self.settings)
        with closing(open_ledgers(parts)) as ledgers:
            parts.comparer.unthrottle()
            yield ledgers

    def compare_once(self) -> None:
        """Compare every table as a gate does, and record it for the ledgers."""
        parts = parts_from(self.settings)
        with closing(open_ledgers(parts)) as ledgers:
            ledgers.drain(time.monotonic() + 60)
            options = CompareOptions(salt="salt", log=ledgers.log)
            dsns = (self.dsns[Side.SOURCE], self.dsns[Side.TARGET])
            with closing(Comparer(*dsns, parts.manifest, options)) as comparer:
                differing = [str(t) for t in parts.manifest.tables if comparer.rows(t)]
        if differing:
            raise SystemExit(f"{', '.join(differing)} differ; the benchmark cannot go on")

    def cut_over(self, watch: Callable[[str], None] = lambda _: None) -> None:
        """Cut over to the target; `timeline` gets each step with the time of its end."""
        settings = self.settings
        databases = open_databases(settings)
        approval = Approval(settings.name, True, False, None)

        def note(text: str) -> None:
            self.timeline.append((text, time.monotonic()))
            watch(text)

        with (
            self._showing_log(),
            open_driver(settings, databases, approval, lambda: {"run": "bench"}, note) as driver,
        ):
            own = driver.world.mover
            if not isinstance(own, MarkerMover):
                raise TypeError(type(own).__name__)
            driver.world = replace(driver.world, mover=_one_way(own))
            for _ in range(_START_TRIES):
                try:
                    driver.recover()
                    driver.drive(Side.TARGET)
                except RefusedError as error:  # a start condition, before writers wait
                    say(str(error))
                    time.sleep(_START_PAUSE_SECONDS)
                else:
                    break

    @contextmanager
    def _showing_log(self) -> Iterator[None]:
        """Show the last lines of the final gate's process where a cutover fails."""
        try:
            yield
        except StepError:
            for log in self.folder.glob(".pgcutover/final-gate/*/final-gate.log"):
                for line in log.read_text().splitlines()[-5:]:
                    say(line)
            raise

    def facts(self, step: str) -> dict[str, Any]:
        """Return the facts in the journal about the last completion of a step."""
        entries = read_entries(journal_path(self.settings.path))
        done = [e.details for e in entries if (e.kind, e.step) == ("done", step)]
        return dict(done[-1])

    @contextmanager
    def client(self, per_second: float = 200.0) -> Iterator[Path]:
        """Run the application; the record is complete at the end."""
        record = self.folder / "record"
        command = [sys.executable, str(_CLIENT), str(self.folder / "app.env"), str(record)]
        process = subprocess.Popen(
            [*command, str(_THREADS), str(per_second), str(self.rows)], stdin=subprocess.PIPE
        )
        try:
            while not (record.exists() and record.stat().st_size):
                time.sleep(0.05)
            yield record
        finally:
            process.communicate()


def _one_way(own: MarkerMover) -> OneWay:
    return OneWay(
        own.dsns, own.markers, own.max_lag_seconds, own.hooks, own.find_hook, own.role, own.tables
    )


@contextmanager
def loaded_site(running: Servers, number: int, rows: int) -> Iterator[Site]:
    """Create both databases, load the target by DMS, and apply changes from then on."""
    site = Site(running, f"bench{number}r{rows}", rows, running.folder / f"site-{number}-{rows}")
    _make_databases(site)
    _write_folder(site)
    mover = _dms(site)
    mover.provision()
    mover.start()
    mover.wait_until_loaded(3_600)
    mover.resume()
    say(f"{rows:,} rows are loaded")
    try:
        yield site
    finally:
        _drop(site)


def _make_databases(site: Site) -> None:
    for side, server in ((Side.SOURCE, site.running.source), (Side.TARGET, site.running.target)):
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"create database {site.name}".encode())
            if not connection.execute("select 1 from pg_roles where rolname = 'dms'").fetchone():
                connection.execute("create role dms superuser login password 'dms'")
            connection.execute("alter role dms login")
        site.execute(side, *filter(str.strip, _SCHEMA.split(";")))
    site.execute(Side.SOURCE, _ROWS % site.rows, "analyze")


def _write_folder(site: Site) -> None:
    site.folder.mkdir()
    for side, dsn in site.dsns.items():
        os.environ[f"PGCUTOVER_{side.name}_DSN"] = dsn
        server = getattr(site.running, side.value)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_roles where rolname='owner'").fetchone():
                connection.execute("create role owner superuser login password 'owner'")
        os.environ[f"PGCUTOVER_{side.name}_OWNER_DSN"] = server.dsn(site.name, "owner", "owner")
    (site.folder / "migration.toml").write_text(_MIGRATION)
    (site.folder / "mapping.json").write_text(json.dumps(_MAPPINGS))
    (site.folder / "app.env").write_text(f"DATABASE_URL={site.dsns[Side.SOURCE]}\n")


def _dms(site: Site) -> Dms:
    running = site.running
    settings = DmsSettings(
        region="ap-southeast-2",
        subnet_group=f"subnets-{site.name}",
        subnet_ids=("subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"),
        replication_instance=f"instance-{site.name}",
        replication_instance_class="dms.t3.medium",
        source_endpoint=f"source-{site.name}",
        target_endpoint=f"target-{site.name}",
        source_secret_id=f"{site.name}/source",
        target_secret_id=f"{site.name}/target",
        secrets_role_arn="arn:aws:iam::123456789012:role/dms-secrets",
        source_certificate=f"source-ca-{site.name}",
        target_certificate=f"target-ca-{site.name}",
        task=f"task-{site.name}",
        task_settings=Path("task-settings.json"),
    )
    for side in Side:
        _store_secret(site, side, getattr(settings, f"{side.value}_secret_id"))
    return Dms(
        settings,
        mappings=_MAPPINGS,
        task_settings=_TASK_SETTINGS,
        aws=running.aws,
        source_ca_pem=running.source.ca_file.read_text("ascii"),
        target_ca_pem=running.target.ca_file.read_text("ascii"),
        may_create=True,
    )


def _store_secret(site: Site, side: Side, name: str) -> None:
    import boto3
    from botocore.config import Config

    aws, server = site.running.aws, getattr(site.running, side.value)
    client = boto3.client(
        "secretsmanager",
        region_name="ap-southeast-2",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=aws.access_key,
        aws_secret_access_key=aws.secret_key,
        config=Config(proxies={}),  # a proxy cannot reach this machine's loopback
    )
    secret = {"host": server.host, "port": server.port, "dbname": site.name}
    login = {"username": "dms", "password": "dms"}
    client.create_secret(Name=name, SecretString=json.dumps({**secret, **login}))


def _drop(site: Site) -> None:
    """Drop both databases and every slot of theirs, whatever still uses them."""
    for server in (site.running.source, site.running.target):
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                [site.name],
            )
            for _ in range(100):
                rows = connection.execute(
                    "select slot_name, active_pid from pg_replication_slots where database = %s",
                    [site.name],
                ).fetchall()
                if not rows:
                    break
                for slot, pid in rows:
                    if pid is None:
                        connection.execute("select pg_drop_replication_slot(%s)", [slot])
                    else:
                        connection.execute("select pg_terminate_backend(%s)", [pid])
                time.sleep(0.1)
            connection.execute(f"drop database {site.name} with (force)".encode())


def say(text: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
