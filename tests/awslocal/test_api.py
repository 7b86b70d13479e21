"""Test the control calls: states, errors, filters, pages, tags and waiters, as in AWS."""

import json
from typing import Any
from uuid import uuid4

import pytest
import requests
from awslocal.rig import (
    Workshop,
    both,
    client,
    include,
    instance_status,
    make_instance,
    rule,
    transform,
    wait_until,
)
from botocore.exceptions import ClientError, WaiterError

from pgcutover.awslocal.http.process import AwsEndpoint

SUBNETS = ["subnet-0a1b2c3d", "subnet-1a2b3c4d"]


Ends = dict[str, str]


@pytest.fixture(scope="module")
def task_request(dms: Any, instance: str) -> Ends:
    """Return the request members of a task that is never run."""
    made = {
        f"{kind.title()}EndpointArn": dms.create_endpoint(
            EndpointIdentifier=f"never-{kind}",
            EndpointType=kind,
            EngineName="postgres",
            ServerName="localhost",
            Port=1,
            Username="u",
            Password="p",
            DatabaseName="d",
        )["Endpoint"]["EndpointArn"]
        for kind in ("source", "target")
    }
    return made | {"ReplicationInstanceArn": instance}


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(response["Error"]["Code"])


def test_a_subnet_group_is_created_changed_and_deleted(dms: Any) -> None:
    name = f"G{uuid4().hex[:6]}"
    request = {
        "ReplicationSubnetGroupIdentifier": name,
        "ReplicationSubnetGroupDescription": "d",
        "SubnetIds": SUBNETS,
    }
    group = dms.create_replication_subnet_group(**request)["ReplicationSubnetGroup"]
    assert group["ReplicationSubnetGroupIdentifier"] == name.lower()
    assert group["SubnetGroupStatus"] == "Complete"
    assert fault(dms.create_replication_subnet_group, **request) == "ResourceAlreadyExistsFault"
    instance = dms.create_replication_instance(
        ReplicationInstanceIdentifier=f"{name}-i",
        ReplicationInstanceClass="dms.t3.medium",
        ReplicationSubnetGroupIdentifier=name,
    )["ReplicationInstance"]
    assert instance["ReplicationSubnetGroup"] == group
    drop = dms.delete_replication_subnet_group
    assert fault(drop, ReplicationSubnetGroupIdentifier=name) == "InvalidResourceStateFault"
    arn = instance["ReplicationInstanceArn"]
    dms.delete_replication_instance(ReplicationInstanceArn=arn)
    dms.get_waiter("replication_instance_deleted").wait(
        Filters=[{"Name": "replication-instance-arn", "Values": [arn]}],
        WaiterConfig={"Delay": 0.1, "MaxAttempts": 50},
    )
    drop(ReplicationSubnetGroupIdentifier=name)
    assert fault(drop, ReplicationSubnetGroupIdentifier=name) == "ResourceNotFoundFault"


@pytest.mark.parametrize(
    ("subnets", "code"),
    [
        (SUBNETS[:1], "ReplicationSubnetGroupDoesNotCoverEnoughAZs"),
        (["subnet-x", SUBNETS[0]], "InvalidSubnet"),
    ],
)
def test_invalid_subnets_are_refused(dms: Any, subnets: list[str], code: str) -> None:
    request = {"ReplicationSubnetGroupIdentifier": "x", "ReplicationSubnetGroupDescription": "d"}
    assert fault(dms.create_replication_subnet_group, SubnetIds=subnets, **request) == code


def test_an_instance_is_creating_then_available(dms: Any) -> None:
    answer = dms.create_replication_instance(
        ReplicationInstanceIdentifier=f"i{uuid4().hex[:8]}",
        ReplicationInstanceClass="dms.t3.medium",
        ResourceIdentifier=f"r{uuid4().hex[:8]}",
    )["ReplicationInstance"]
    assert answer["ReplicationInstanceStatus"] == "creating"
    arn = answer["ReplicationInstanceArn"]
    wait_until(lambda: instance_status(dms, arn) == "available", "an available instance")


def test_invalid_names_and_classes_are_refused(dms: Any) -> None:
    create = dms.create_replication_instance
    for name in ("1x", "x-", "x--y", "x_y", "x" * 64):
        code = fault(
            create, ReplicationInstanceIdentifier=name, ReplicationInstanceClass="dms.t3.medium"
        )
        assert code == "InvalidParameterValueException"
    code = fault(create, ReplicationInstanceIdentifier="x", ReplicationInstanceClass="db.t3.medium")
    assert code == "InvalidParameterValueException"


def test_a_filter_without_match_is_a_fault_and_an_unknown_one_too(dms: Any) -> None:
    for call, name in (
        (dms.describe_replication_instances, "replication-instance-id"),
        (dms.describe_endpoints, "endpoint-id"),
        (dms.describe_replication_tasks, "replication-task-id"),
        (dms.describe_certificates, "certificate-id"),
        (dms.describe_connections, "endpoint-arn"),
        (dms.describe_replication_subnet_groups, "replication-subnet-group-id"),
    ):
        filters = [{"Name": name, "Values": ["nothing-such"]}]
        assert fault(call, Filters=filters) == "ResourceNotFoundFault"
        filters = [{"Name": "colour", "Values": ["red"]}]
        assert fault(call, Filters=filters) == "InvalidParameterValueException"


def test_pages_cover_everything_once(aws: AwsEndpoint) -> None:
    dms = client(aws.url, "dms", "eu-west-1")
    names = [f"page-{n}" for n in range(45)]
    for name in names:
        dms.create_replication_subnet_group(
            ReplicationSubnetGroupIdentifier=name,
            ReplicationSubnetGroupDescription="d",
            SubnetIds=SUBNETS,
        )
    pages = list(
        dms.get_paginator("describe_replication_subnet_groups").paginate(
            PaginationConfig={"PageSize": 20}
        )
    )
    assert [len(page["ReplicationSubnetGroups"]) for page in pages] == [20, 20, 5]
    found = [
        g["ReplicationSubnetGroupIdentifier"] for p in pages for g in p["ReplicationSubnetGroups"]
    ]
    assert found == names
    describe = dms.describe_replication_subnet_groups
    assert fault(describe, Marker="nonsense") == "InvalidParameterValueException"
    assert fault(describe, MaxRecords=5) == "InvalidParameterValueException"


def test_regions_are_separate(aws: AwsEndpoint) -> None:
    arn = make_instance(client(aws.url, "dms", "eu-central-1"), "apart")
    assert ":eu-central-1:" in arn
    other = client(aws.url, "dms", "us-west-2").describe_replication_instances()
    assert other["ReplicationInstances"] == []


def test_tags(dms: Any, instance: str) -> None:
    dms.add_tags_to_resource(
        ResourceArn=instance, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    dms.remove_tags_from_resource(ResourceArn=instance, TagKeys=["a"])
    found = dms.list_tags_for_resource(ResourceArn=instance)["TagList"]
    assert found == [{"Key": "b", "Value": "2", "ResourceArn": instance}]
    missing = "arn:aws:dms:ap-southeast-2:123456789012:rep:NONE"
    assert fault(dms.list_tags_for_resource, ResourceArn=missing) == "ResourceNotFoundFault"


def test_unsupported_operations_are_reported(dms: Any, aws: AwsEndpoint) -> None:
    assert fault(dms.describe_event_subscriptions) == "UnknownOperationException"
    answer = requests.post(
        aws.url,
        data="{}",
        headers={"X-Amz-Target": "AmazonDMSv20160101.DescribeEndpoints"},
        timeout=10,
    )
    assert answer.status_code == 400
    assert answer.json()["__type"] == "MissingAuthenticationTokenException"


def test_raw_requests_are_validated(aws: AwsEndpoint) -> None:
    """A client other than botocore gets the same validation."""
    scope = "Credential=x/20260101/ap-southeast-2/dms/aws4_request"
    for body, reason in (
        ("[]", "SerializationException"),
        ('{"Bogus": 1}', "InvalidParameterValueException"),
        ('{"MaxRecords": "20"}', "InvalidParameterValueException"),
    ):
        answer = requests.post(
            aws.url,
            data=body,
            headers={
                "X-Amz-Target": "AmazonDMSv20160101.DescribeEndpoints",
                "Authorization": f"AWS4-HMAC-SHA256 {scope}",
            },
            timeout=10,
        )
        assert (answer.status_code, answer.json()["__type"]) == (400, reason)


def test_task_states_and_waiters(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    dms, filters = task.dms, [{"Name": "replication-task-arn", "Values": [task.arn]}]
    quick = {"Delay": 0.1, "MaxAttempts": 100}
    dms.get_waiter("replication_task_ready").wait(Filters=filters, WaiterConfig=quick)
    stop = dms.stop_replication_task
    assert fault(stop, ReplicationTaskArn=task.arn) == "InvalidResourceStateFault"
    task.start()
    assert task.describe()["Status"] == "starting"
    dms.get_waiter("replication_task_running").wait(Filters=filters, WaiterConfig=quick)
    drop = dms.delete_replication_task
    assert fault(drop, ReplicationTaskArn=task.arn) == "InvalidResourceStateFault"
    task_request = task.describe()
    for endpoint in (task_request["SourceEndpointArn"], task_request["TargetEndpointArn"]):
        assert fault(dms.delete_endpoint, EndpointArn=endpoint) == "InvalidResourceStateFault"
    assert (
        fault(dms.delete_replication_instance, ReplicationInstanceArn=workshop.instance)
        == "InvalidResourceStateFault"
    )
    assert stop(ReplicationTaskArn=task.arn)["ReplicationTask"]["Status"] == "stopping"
    dms.get_waiter("replication_task_stopped").wait(Filters=filters, WaiterConfig=quick)
    with pytest.raises(WaiterError):
        dms.get_waiter("replication_task_running").wait(Filters=filters, WaiterConfig=quick)
    statistics = task.describe()["ReplicationTaskStats"]
    assert statistics["ElapsedTimeMillis"] > 0
    assert statistics["StopDate"] > statistics["StartDate"]


def test_requirements_of_a_task(workshop: Workshop) -> None:
    source, target = workshop.endpoint("source"), workshop.endpoint("target")
    request = {
        "ReplicationTaskIdentifier": f"t{uuid4().hex[:8]}",
        "SourceEndpointArn": source,
        "TargetEndpointArn": target,
        "ReplicationInstanceArn": workshop.instance,
        "MigrationType": "full-load",
        "TableMappings": json.dumps({"rules": [include(1)]}),
    }
    create = workshop.dms.create_replication_task
    for changed, code in (
        ({"SourceEndpointArn": target}, "InvalidParameterValueException"),
        ({"TargetEndpointArn": "arn:aws:dms:x:1:endpoint:NONE"}, "ResourceNotFoundFault"),
        ({"MigrationType": "sideways"}, "InvalidParameterValueException"),
        ({"CdcStartPosition": "0/1"}, "InvalidParameterValueException"),
        ({"CdcStopPosition": "server_time:x"}, "InvalidParameterValueException"),
    ):
        assert fault(create, **{**request, **changed}) == code
    create(**request)
    assert fault(create, **request) == "ResourceAlreadyExistsFault"


def test_settings_come_back_whole_and_changes_stay(workshop: Workshop) -> None:
    task = workshop.task(Logging={"EnableLogging": True}, TargetMetadata={"LobMaxSize": 64})
    task.modify(FullLoadSettings={"MaxFullLoadSubTasks": 3})
    settings = json.loads(task.describe()["ReplicationTaskSettings"])
    assert settings["TargetMetadata"]["LobMaxSize"] == 64
    assert settings["FullLoadSettings"]["MaxFullLoadSubTasks"] == 3
    assert settings["ErrorBehavior"]["ApplyErrorDeletePolicy"] == "IGNORE_RECORD"
    assert settings["Logging"]["CloudWatchLogGroup"].startswith("dms-tasks-")
    bare = task.dms.describe_replication_tasks(WithoutSettings=True)["ReplicationTasks"]
    assert all("ReplicationTaskSettings" not in row for row in bare)


@pytest.mark.parametrize(
    "settings",
    [
        {"Nonsense": {}},
        {"TargetMetadata": {"LobMaxSise": 1}},
        {"TargetMetadata": {"LobMaxSize": "32"}},
        {"TargetMetadata": {"LobMaxSize": 0}},
        {"TargetMetadata": {"FullLobMode": True}},
        {"TargetMetadata": {"TargetSchema": "x"}},
        {"FullLoadSettings": {"TargetTablePrepMode": "HOPE"}},
        {"FullLoadSettings": {"MaxFullLoadSubTasks": 50}},
        {"FullLoadSettings": {"CreatePkAfterFullLoad": True}},
        {
            "FullLoadSettings": {
                "StopTaskCachedChangesApplied": True,
                "StopTaskCachedChangesNotApplied": True,
            }
        },
        {"ErrorBehavior": {"ApplyErrorInsertPolicy": "UPDATE_RECORD"}},
        {"ValidationSettings": {"ValidationOnly": True}},
        {"BeforeImageSettings": {"EnableBeforeImage": True}},
        {"TTSettings": {"EnableTT": True}},
    ],
    ids=json.dumps,
)
def test_settings_that_would_be_ignored_are_refused(
    dms: Any, task_request: Ends, settings: dict[str, Any]
) -> None:
    request = json.dumps(settings)
    with pytest.raises(ClientError, match="Invalid task settings JSON"):
        create_task(dms, task_request, settings=request)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ([], "At least one selection rule"),
        ([rule(1, **{"rule-type": "validation"})], "rule-type 'validation' is not implemented"),
        ([include(1), include(1)], "rule-id '1' is not unique"),
        ([{**include(1), "filters": [{"filter-type": "source"}]}], "filters are not implemented"),
        ([{**include(1), "shape": "round"}], "shape is not implemented"),
        ([{**include(1, table="a%"), "rule-action": "explicit"}], "takes no wildcards"),
        ([include(1), transform(2, "table", "rename", table="t")], "rename needs value"),
        (
            [include(1), transform(2, "column", "add-column", "x", table="t", column="c")],
            "rule-action 'add-column' of a column is not implemented",
        ),
        (
            [include(1), transform(2, "table-tablespace", "rename", "x", table="t")],
            "rule-target 'table-tablespace' is not implemented",
        ),
        (
            [
                include(1),
                rule(
                    2,
                    **{"rule-type": "table-settings", "parallel-load": {"type": "partitions-auto"}},
                ),
            ],
            "parallel-load is not implemented",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rules_that_would_be_ignored_are_refused(
    dms: Any, task_request: Ends, rules: list[dict[str, Any]], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason):
        create_task(dms, task_request, rules=rules)


def create_task(
    dms: Any, task_request: Ends, rules: list[dict[str, Any]] | None = None, settings: str = "{}"
) -> None:
    dms.create_replication_task(
        ReplicationTaskIdentifier=f"t{uuid4().hex[:8]}",
        MigrationType="full-load",
        TableMappings=json.dumps({"rules": [include(1)] if rules is None else rules}),
        ReplicationTaskSettings=settings,
        **task_request,
    )
