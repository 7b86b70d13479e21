"""Test the other services: secrets, databases, measured metrics and logs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from awslocal.rig import Task, Workshop, both, client, wait_until

from pgcutover.awslocal.http.process import AwsEndpoint


def latest(workshop: Workshop, task: Task, metric: str) -> float | None:
    now = datetime.now(UTC)
    answer = client(workshop.url, "cloudwatch").get_metric_statistics(
        Namespace="AWS/DMS",
        MetricName=metric,
        Dimensions=[
            {"Name": "ReplicationInstanceIdentifier", "Value": instance_name(workshop)},
            {"Name": "ReplicationTaskIdentifier", "Value": task.arn.rsplit(":", 1)[1]},
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Maximum"],
    )
    values = [point["Maximum"] for point in answer["Datapoints"]]
    return max(values) if values else None


def instance_name(workshop: Workshop) -> str:
    instances = workshop.dms.describe_replication_instances()["ReplicationInstances"]
    return next(
        i["ReplicationInstanceIdentifier"]
        for i in instances
        if i["ReplicationInstanceArn"] == workshop.instance
    )


def test_latency_is_measured(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    task.start()
    task.loaded()
    wait_until(lambda: latest(workshop, task, "CDCLatencyTarget") is not None, "a metric")
    idle = latest(workshop, task, "CDCLatencyTarget")
    assert idle is not None
    assert idle < 1
    with workshop.locked("target", "public.t"):
        task.source("insert into public.t values (1)")
        wait_until(lambda: (latest(workshop, task, "CDCLatencyTarget") or 0) > 1, "latency")
        assert latest(workshop, task, "CDCIncomingChanges") == 1
    task.arrives("select count(*) from public.t", 1)


def test_the_log_tells_of_the_load(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task(Logging={"EnableLogging": True})
    task.source("insert into public.t values (1)")
    task.start()
    task.loaded()
    task.stop()
    lines = workshop.task_log(task)
    assert any(
        "[TASK_MANAGER    ]I:  Load finished for table 'public'.'t'" in line for line in lines
    )
    assert lines[-1].endswith("stopped: NORMAL")


def test_other_services_answer_on_the_same_port(aws: AwsEndpoint) -> None:
    assert client(aws.url, "sts").get_caller_identity()["Account"] == "123456789012"
    secrets: Any = client(aws.url, "secretsmanager")
    secrets.create_secret(Name="kgc/x", SecretString="s")
    assert (
        secrets.get_secret_value(SecretId="kgc/x", VersionStage="AWSCURRENT")["SecretString"] == "s"
    )
    rds = client(aws.url, "rds")
    rds.create_db_instance(
        DBInstanceIdentifier="kgc", DBInstanceClass="db.t3.medium", Engine="postgres"
    )
    assert rds.describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"] == "kgc"
