"""Operations on replication instances."""

import re
import time
from typing import Any

from pgcutover.awslocal.dms_api.describe import describe
from pgcutover.awslocal.dms_api.subnet_groups import GROUP
from pgcutover.awslocal.http import naming
from pgcutover.awslocal.http.aws_errors import invalid, wrong_state
from pgcutover.awslocal.http.request_context import Context, Operation, Request
from pgcutover.awslocal.http.store import Record, new_arn

_CLASS = re.compile(r"dms\.[a-z][a-z0-9]*\.[a-z0-9]+")
_ENGINE_VERSION = "3.5.4"


def create_instance(context: Context, request: Request) -> dict[str, Any]:
    """Create an instance, which is available after the delay."""
    member = "ReplicationInstanceIdentifier"
    name = naming.identifier(request[member], member, 63)
    if not _CLASS.fullmatch(request["ReplicationInstanceClass"]):
        raise invalid(f"{request['ReplicationInstanceClass']} is not a valid instance class.")
    arn = new_arn("rep", context.region, naming.resource_id(request.get("ResourceIdentifier")))
    record = Record("rep", arn, name, _instance(context, request, name, arn))
    record.tags = naming.tags(request.get("Tags"))
    record.become("ReplicationInstanceStatus", "creating", "available", context.delay)
    context.store.add(record)
    return {"ReplicationInstance": record.wire}


def _instance(context: Context, request: Request, name: str, arn: str) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "ReplicationInstanceIdentifier": name,
        "ReplicationInstanceClass": request["ReplicationInstanceClass"],
        "AllocatedStorage": request.get("AllocatedStorage", 50),
        "InstanceCreateTime": time.time(),
        "VpcSecurityGroups": [
            {"VpcSecurityGroupId": group, "Status": "active"}
            for group in request.get("VpcSecurityGroupIds", ())
        ],
        "AvailabilityZone": request.get("AvailabilityZone", f"{context.region}a"),
        "PreferredMaintenanceWindow": request.get(
            "PreferredMaintenanceWindow", "sun:14:00-sun:14:30"
        ),
        "PendingModifiedValues": {},
        "MultiAZ": request.get("MultiAZ", False),
        "EngineVersion": request.get("EngineVersion", _ENGINE_VERSION),
        "AutoMinorVersionUpgrade": request.get("AutoMinorVersionUpgrade", True),
        "ReplicationInstanceArn": arn,
        "ReplicationInstancePrivateIpAddress": "127.0.0.1",
        "ReplicationInstancePrivateIpAddresses": ["127.0.0.1"],
        "PubliclyAccessible": request.get("PubliclyAccessible", True),
        "NetworkType": request.get("NetworkType", "IPV4"),
    }
    if request.get(GROUP):
        group = context.store.get(
            "subgrp", new_arn("subgrp", context.region, request[GROUP].lower())
        )
        wire["ReplicationSubnetGroup"] = group.wire
    return wire


def describe_instances(context: Context, request: Request) -> dict[str, Any]:
    """Return the instances of this region."""
    keys = {
        "replication-instance-arn": ["ReplicationInstanceArn"],
        "replication-instance-id": ["ReplicationInstanceIdentifier"],
        "replication-instance-class": ["ReplicationInstanceClass"],
        "engine-version": ["EngineVersion"],
    }
    return describe(context, request, "rep", "ReplicationInstances", keys)


def delete_instance(context: Context, request: Request) -> dict[str, Any]:
    """Delete an instance; refused while a task uses it."""
    record = context.store.get("rep", request["ReplicationInstanceArn"])
    for task in context.store.all("task", context.region):
        if task.wire["ReplicationInstanceArn"] == record.arn:
            raise wrong_state(
                f"Replication Instance {record.identifier} cannot be deleted while task "
                f"{task.identifier} uses it."
            )
    for connection in context.store.all("connection", context.region):
        if connection.wire["ReplicationInstanceArn"] == record.arn:
            context.store.remove(connection)
    record.become("ReplicationInstanceStatus", "deleting", None, context.delay)
    context.store.save()
    return {"ReplicationInstance": record.wire}


OPERATIONS: dict[str, Operation] = {
    "CreateReplicationInstance": create_instance,
    "DescribeReplicationInstances": describe_instances,
    "DeleteReplicationInstance": delete_instance,
}
