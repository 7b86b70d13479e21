"""Helpers of the tests of the local DMS."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import boto3
import psycopg
import pytest
from botocore.config import Config
from support.servers import Databases

from pgcutover.embedded.server import RunningServer

REGION = "ap-southeast-2"
ROLE = "arn:aws:iam::123456789012:role/dms"
DEADLINE_SECONDS = 30


@cache
def client(url: str, service: str, region: str = REGION) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}, retries={"max_attempts": 0}),
    )


def wait_until(happens: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := happens():
            return found
        time.sleep(0.04)
    pytest.fail(f"{what} did not happen within {seconds} s")


def make_instance(dms: Any, name: str | None = None) -> str:
    answer = dms.create_replication_instance(
        ReplicationInstanceIdentifier=name or f"i{uuid4().hex[:8]}",
        ReplicationInstanceClass="dms.t3.medium",
    )
    arn = answer["ReplicationInstance"]["ReplicationInstanceArn"]
    wait_until(lambda: instance_status(dms, arn) == "available", "an available instance")
    return str(arn)


def instance_status(dms: Any, arn: str) -> str:
    answer = dms.describe_replication_instances(
        Filters=[{"Name": "replication-instance-arn", "Values": [arn]}]
    )
    return str(answer["ReplicationInstances"][0]["ReplicationInstanceStatus"])


def rule(number: int, **members: Any) -> dict[str, Any]:
    return {"rule-id": str(number), "rule-name": str(number), **members}


def include(number: int, schema: str = "public", table: str = "%") -> dict[str, Any]:
    return rule(
        number,
        **{
            "rule-type": "selection",
            "rule-action": "include",
            "object-locator": {"schema-name": schema, "table-name": table},
        },
    )


def transform(
    number: int, target: str, action: str, value: str | None = None, **locator: str
) -> dict[str, Any]:
    names = {f"{part}-name": name for part, name in locator.items()}
    members: dict[str, Any] = {
        "rule-type": "transformation",
        "rule-target": target,
        "rule-action": action,
        "object-locator": {"schema-name": "public", **names},
    }
    return rule(number, **members, **({"value": value} if value else {}))


@dataclass
class Task:
    """A replication task under test, with its two databases."""

    dms: Any
    arn: str
    databases: Databases

    def describe(self) -> dict[str, Any]:
        answer = self.dms.describe_replication_tasks(
            Filters=[{"Name": "replication-task-arn", "Values": [self.arn]}]
        )
        return dict(answer["ReplicationTasks"][0])

    def start(self, mode: str = "start-replication") -> None:
        self.dms.start_replication_task(ReplicationTaskArn=self.arn, StartReplicationTaskType=mode)

    def stop(self) -> dict[str, Any]:
        self.dms.stop_replication_task(ReplicationTaskArn=self.arn)
        return self.ended("stopped")

    def ended(self, status: str) -> dict[str, Any]:
        def over() -> bool:
            return self.describe()["Status"] not in ("starting", "running", "stopping")

        wait_until(over, "the end of the task")
        task = self.describe()
        assert task["Status"] == status, task.get("LastFailureMessage")
        return task

    def modify(self, **settings: dict[str, Any]) -> None:
        self.dms.modify_replication_task(
            ReplicationTaskArn=self.arn, ReplicationTaskSettings=json.dumps(settings)
        )
        wait_until(lambda: self.describe()["Status"] != "modifying", "the end of the change")

    def map(self, *rules: dict[str, Any]) -> None:
        self.dms.modify_replication_task(
            ReplicationTaskArn=self.arn, TableMappings=json.dumps({"rules": rules})
        )
        wait_until(lambda: self.describe()["Status"] != "modifying", "the end of the change")

    def statistics(self, table: str, schema: str = "public") -> dict[str, Any]:
        rows = self.dms.describe_table_statistics(ReplicationTaskArn=self.arn)["TableStatistics"]
        return next(r for r in rows if (r["SchemaName"], r["TableName"]) == (schema, table))

    def loaded(self) -> None:
        def over() -> bool:
            task = self.describe()
            assert task["Status"] != "failed", task["LastFailureMessage"]
            return "FullLoadFinishDate" in task["ReplicationTaskStats"]

        wait_until(over, "the end of the full load")

    def source(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return run(self.databases.source, text, *parameters)

    def target(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return run(self.databases.target, text, *parameters)

    def arrives(self, text: str, expected: object) -> None:
        """Wait until the query's one value on the target is the expected one."""
        wait_until(lambda: self.target(text) == [(expected,)], f"{text} = {expected!r}")


_sessions: dict[str, psycopg.Connection[Any]] = {}


def run(dsn: str, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
    if dsn not in _sessions or _sessions[dsn].closed:
        _sessions[dsn] = psycopg.connect(dsn, autocommit=True)
        _sessions[dsn].execute("set timezone to 'UTC'; set extra_float_digits to 3")
    cursor = _sessions[dsn].execute(text, parameters or None)  # type: ignore[arg-type]
    return cursor.fetchall() if cursor.description else []


def hang_up(databases: Databases) -> None:
    for dsn in (databases.source, databases.target):
        if dsn in _sessions:
            _sessions.pop(dsn).close()


@dataclass
class Workshop:
    """Makes endpoints and tasks on one AWS endpoint."""

    url: str
    instance: str
    databases: Databases
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def dms(self) -> Any:
        return client(self.url, "dms")

    def databases_run(self, source: str = "", target: str = "") -> None:
        for dsn, text in ((self.databases.source, source), (self.databases.target, target)):
            if text:
                run(dsn, text)

    @contextmanager
    def locked(self, side: str, table: str) -> Iterator[None]:
        """Lock the table against writes during the block."""
        dsn = getattr(self.databases, side)
        with psycopg.connect(dsn) as conn:
            conn.execute(f"lock table {table} in exclusive mode")
            yield

    def certificate(self, server: RunningServer) -> str:
        answer = self.dms.import_certificate(
            CertificateIdentifier=f"c{uuid4().hex[:8]}", CertificatePem=server.ca_file.read_text()
        )
        return str(answer["Certificate"]["CertificateArn"])

    def secret(self, server: RunningServer, **changed: str) -> str:
        document = {
            "host": server.host,
            "port": server.port,
            "username": server.superuser,
            "password": server.password,
            **changed,
        }
        name = f"kgc/{uuid4().hex[:8]}"
        self.secrets[name] = json.dumps(document)
        client(self.url, "secretsmanager").create_secret(Name=name, SecretString=self.secrets[name])
        return name

    def put_back_secrets(self) -> None:
        for name, text in self.secrets.items():
            client(self.url, "secretsmanager").create_secret(Name=name, SecretString=text)

    def endpoint(
        self,
        kind: str,
        certificate: str = "",
        settings: dict[str, Any] | None = None,
        **secret: str,
    ) -> str:
        server = self.databases.servers.server(kind)
        answer = self.dms.create_endpoint(
            EndpointIdentifier=f"e{uuid4().hex[:8]}",
            EndpointType=kind,
            EngineName="postgres",
            DatabaseName=self.databases.name,
            SslMode="verify-full",
            CertificateArn=certificate or self.certificate(server),
            PostgreSQLSettings={
                "SecretsManagerSecretId": self.secret(server, **secret),
                "SecretsManagerAccessRoleArn": ROLE,
                **(settings or {}),
            },
        )
        return str(answer["Endpoint"]["EndpointArn"])

    def test(self, endpoint: str) -> dict[str, Any]:
        """Test the connection and return the result."""
        self.begin_test(endpoint)
        return self.tested(endpoint)

    def begin_test(self, endpoint: str) -> None:
        self.dms.test_connection(ReplicationInstanceArn=self.instance, EndpointArn=endpoint)

    def tested(self, endpoint: str) -> dict[str, Any]:
        filters = [{"Name": "endpoint-arn", "Values": [endpoint]}]

        def over() -> dict[str, Any] | None:
            found = self.dms.describe_connections(Filters=filters)["Connections"][0]
            return dict(found) if found["Status"] != "testing" else None

        return dict(wait_until(over, "the end of the connection test"))

    def task(
        self,
        *rules: dict[str, Any],
        kind: str = "full-load-and-cdc",
        source_settings: dict[str, Any] | None = None,
        who: dict[str, str] | None = None,
        start_position: str | None = None,
        **settings: dict[str, Any],
    ) -> Task:
        ends = [
            self.endpoint("source", settings=source_settings, **(who or {})),
            self.endpoint("target", **(who or {})),
        ]
        for end in ends:
            self.begin_test(end)
        for end in ends:
            assert self.tested(end)["Status"] == "successful"
        answer = self.dms.create_replication_task(
            ReplicationTaskIdentifier=f"t{uuid4().hex[:8]}",
            SourceEndpointArn=ends[0],
            TargetEndpointArn=ends[1],
            ReplicationInstanceArn=self.instance,
            MigrationType=kind,
            TableMappings=json.dumps({"rules": rules or [include(1)]}),
            ReplicationTaskSettings=json.dumps(settings),
            **({"CdcStartPosition": start_position} if start_position else {}),
        )
        task = Task(self.dms, answer["ReplicationTask"]["ReplicationTaskArn"], self.databases)
        wait_until(lambda: task.describe()["Status"] == "ready", "a ready task")
        return task

    def task_log(self, task: Task) -> list[str]:
        """Return the messages in CloudWatch Logs."""
        place = json.loads(task.describe()["ReplicationTaskSettings"])["Logging"]
        answer = client(self.url, "logs").get_log_events(
            logGroupName=place["CloudWatchLogGroup"],
            logStreamName=place["CloudWatchLogStream"],
            startFromHead=True,
        )
        return [event["message"] for event in answer["events"]]


def remove(dms: Any, arn: str) -> None:
    """Stop and delete the task, so that its database can be dropped."""

    def status() -> str:
        tasks = dms.describe_replication_tasks()["ReplicationTasks"]
        return next((t["Status"] for t in tasks if t["ReplicationTaskArn"] == arn), "")

    if status() in ("starting", "running"):
        dms.stop_replication_task(ReplicationTaskArn=arn)
    # a task that the test deleted may still be deleting
    wait_until(lambda: status() in ("ready", "stopped", "failed", ""), "a task at rest")
    if status():
        dms.delete_replication_task(ReplicationTaskArn=arn)
    wait_until(lambda: not status(), "the task's end")


def both(databases: Databases, text: str) -> None:
    """Run the same statements on both sides."""
    run(databases.source, text)
    run(databases.target, text)
