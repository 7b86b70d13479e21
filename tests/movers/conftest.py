"""Fixtures of the DMS mover: boto3 with the local endpoint, and rows on two real servers."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import psycopg
import pytest
from support.servers import Pair, fresh_databases

from pgcutover.awslocal.http.process import AwsEndpoint, aws_endpoint
from pgcutover.config import DmsSettings
from pgcutover.context import AwsAccess
from pgcutover.embedded.server import RunningServer
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms import Dms, with_lob_limit

TASK_SETTINGS = {
    "TargetMetadata": {"SupportLobs": True, "LimitedSizeLobMode": True, "LobMaxSize": 32},
    "FullLoadSettings": {
        "TargetTablePrepMode": "DO_NOTHING",
        "StopTaskCachedChangesApplied": True,
    },
    "Logging": {"EnableLogging": True, "CloudWatchLogGroup": None},
    "ValidationSettings": {"EnableValidation": True},
    "ControlTablesSettings": {"SuspendedTablesTableEnabled": True},
    "ErrorBehavior": {"DataErrorPolicy": "SUSPEND_TABLE", "ApplyErrorDeletePolicy": "LOG_ERROR"},
    "ChangeProcessingDdlHandlingPolicy": {"HandleSourceTableDropped": False},
}
SOURCE_SQL = """
create table public.users (
    id int primary key, name text, photo bytea, doc jsonb, active boolean, code char(8)
);
create table public.visits (id int primary key, user_id int references public.users);
create table public.log (line text);
create table public.pgcutover_marker (id uuid primary key, noted_at timestamptz default now());
insert into public.users
    select i, 'user ' || i, convert_to(repeat('x', i * 200), 'UTF8'), '{"a": 1.50}', i % 2 = 0, 'c'
    from generate_series(1, 300) i;
insert into public.visits select i, 1 + i % 300 from generate_series(1, 500) i;
insert into public.log select 'line ' || i from generate_series(1, 20) i;
"""
TARGET_SQL = """
create schema auth;
create table auth.users (
    id int primary key, name text, photo bytea, doc jsonb, active boolean, code char(8)
);
create table public.visits (id int primary key, user_id int references auth.users);
create table public.log (line text);
create table public.pgcutover_marker (id uuid primary key, noted_at timestamptz default now());
"""
USERS = MappedTable(
    RelationName("public", "users"),
    RelationName("auth", "users"),
    tuple((c, c) for c in ("id", "name", "photo", "doc", "active", "code")),
)
VISITS = MappedTable(
    RelationName("public", "visits"),
    RelationName("public", "visits"),
    (("id", "id"), ("user_id", "user_id")),
)
LOG = MappedTable(RelationName("public", "log"), RelationName("public", "log"), (("line", "line"),))
MAPPINGS = {
    "rules": [
        {
            "rule-type": "selection",
            "rule-id": "1",
            "rule-name": "all",
            "object-locator": {"schema-name": "public", "table-name": "%"},
            "rule-action": "include",
        },
        {
            "rule-type": "selection",
            "rule-id": "2",
            "rule-name": "control-tables",
            "object-locator": {"schema-name": "public", "table-name": "awsdms%"},
            "rule-action": "exclude",
        },
        {
            "rule-type": "transformation",
            "rule-id": "3",
            "rule-name": "users-to-auth",
            "rule-target": "schema",
            "object-locator": {"schema-name": "public", "table-name": "users"},
            "rule-action": "rename",
            "value": "auth",
        },
    ]
}


@dataclass(slots=True)
class Stage:
    """One migration: its two databases, its names in DMS, and its progress lines."""

    settings: DmsSettings
    aws: AwsAccess
    source_dsn: str
    target_dsn: str
    source_server: RunningServer
    target_server: RunningServer
    lines: list[str] = field(default_factory=list)
    users: MappedTable = USERS
    visits: MappedTable = VISITS
    log: MappedTable = LOG
    deadline_seconds: float = 120.0
    """The longest wait for something that happens; a busy machine takes long."""

    def source(self, statement: str, *parameters: object) -> list[Any]:
        return execute(self.source_dsn, statement, *parameters)

    def target(self, statement: str, *parameters: object) -> list[Any]:
        return execute(self.target_dsn, statement, *parameters)

    def mover(self, **changes: Any) -> Dms:
        options: dict[str, Any] = {
            "mappings": MAPPINGS,
            "task_settings": task_settings(),
            "source_ca_pem": self.source_server.ca_file.read_text("ascii"),
            "target_ca_pem": self.target_server.ca_file.read_text("ascii"),
            "aws": self.aws,
            "may_create": True,
            "progress": self.lines.append,
        }
        settings = replace(self.settings, **changes.pop("settings", {}))
        return Dms(settings, **{**options, **changes})

    def loaded(self, **changes: Any) -> Dms:
        mover = self.mover(**changes)
        mover.provision()
        mover.start()
        mover.wait_until_loaded(self.deadline_seconds)
        return mover

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.settings.region,
            endpoint_url=self.aws.endpoint_url,
            aws_access_key_id=self.aws.access_key,
            aws_secret_access_key=self.aws.secret_key,
        )

    def store_secret(self, side: str, **changes: object) -> None:
        server = {"source": self.source_server, "target": self.target_server}[side]
        dsn = {"source": self.source_dsn, "target": self.target_dsn}[side]
        name = getattr(self.settings, f"{side}_secret_id")
        secret = {
            "host": server.host,
            "port": server.port,
            "username": server.superuser,
            "password": server.password,
            "dbname": psycopg.conninfo.conninfo_to_dict(dsn)["dbname"],
            **changes,
        }
        client = self.client("secretsmanager")
        if changes:
            client.put_secret_value(SecretId=name, SecretString=json.dumps(secret))
        else:
            client.create_secret(Name=name, SecretString=json.dumps(secret))

    def marker(self) -> Callable[[], bool]:
        marker = uuid4()
        self.source("insert into public.pgcutover_marker (id) values (%s)", marker)
        query = "select count(*) from public.pgcutover_marker where id = %s"
        return lambda: self.target(query, marker) == [(1,)]


def execute(dsn: str, statement: str, *parameters: object) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def task_settings(kb: int = 128) -> dict[str, Any]:
    return with_lob_limit(TASK_SETTINGS, kb)


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEndpoint]:
    with aws_endpoint(tmp_path_factory.mktemp("aws"), progress=lambda _: None) as running:
        yield running


@pytest.fixture(autouse=True)
def no_real_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def stage(local_aws: AwsEndpoint, pair: Pair) -> Iterator[Stage]:
    """Yield two databases with a small schema, rows only on the source, and no DMS object."""
    with open_stage(local_aws, pair) as opened:
        yield opened


@pytest.fixture(scope="session")
def another_stage(
    local_aws: AwsEndpoint, pair: Pair
) -> Callable[[], AbstractContextManager[Stage]]:
    """Yield another stage, for fixtures that prepare one for several tests."""
    return lambda: open_stage(local_aws, pair)


@pytest.fixture(scope="session")
def provisioned(local_aws: AwsEndpoint, pair: Pair) -> Iterator[Stage]:
    """Yield a stage with all DMS objects, for tests that change nothing."""
    with open_stage(local_aws, pair) as opened:
        opened.mover().provision()
        yield opened


@pytest.fixture
def unprovisioned(provisioned: Stage) -> Stage:
    """Yield the same databases under new names and secrets, for tests that load nothing."""
    fresh = replace(provisioned, settings=_names(), lines=[])
    for side in ("source", "target"):
        fresh.store_secret(side)
    return fresh


@contextmanager
def open_stage(local_aws: AwsEndpoint, pair: Pair) -> Iterator[Stage]:
    with fresh_databases(pair) as fresh:
        access = AwsAccess(local_aws.url, "test", "test")
        stage = Stage(_names(), access, fresh.source, fresh.target, pair.source, pair.target)
        for side in ("source", "target"):
            stage.store_secret(side)
        stage.source(SOURCE_SQL)
        stage.target(TARGET_SQL)
        yield stage
        _stop_task(stage)


def _names() -> DmsSettings:
    tag = uuid4().hex[:8]
    return DmsSettings(
        region="ap-southeast-2",
        subnet_group=f"subnets-{tag}",
        subnet_ids=("subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"),
        replication_instance=f"instance-{tag}",
        replication_instance_class="dms.t3.medium",
        source_endpoint=f"source-{tag}",
        target_endpoint=f"target-{tag}",
        source_secret_id=f"test/{tag}/source",
        target_secret_id=f"test/{tag}/target",
        secrets_role_arn="arn:aws:iam::123456789012:role/dms-secrets",
        source_certificate=f"source-ca-{tag}",
        target_certificate=f"target-ca-{tag}",
        task=f"task-{tag}",
        task_settings=Path("unused"),
    )


def _stop_task(stage: Stage) -> None:
    """Stop the task, so that its connections and its slot are released."""
    client = stage.client("dms")
    for task in client.describe_replication_tasks()["ReplicationTasks"]:
        if task["ReplicationTaskIdentifier"] == stage.settings.task:
            if task["Status"] in ("running", "starting"):
                client.stop_replication_task(ReplicationTaskArn=task["ReplicationTaskArn"])
                client.get_waiter("replication_task_stopped").wait(
                    Filters=[{"Name": "replication-task-id", "Values": [stage.settings.task]}],
                    WaiterConfig={"Delay": 1, "MaxAttempts": 20},
                )
            client.delete_replication_task(ReplicationTaskArn=task["ReplicationTaskArn"])
