"""Operations on replication subnet groups."""

import re
from typing import Any

from pgcutover.awslocal.dms_api.describe import describe
from pgcutover.awslocal.http import naming
from pgcutover.awslocal.http.aws_errors import DmsFault, wrong_state
from pgcutover.awslocal.http.request_context import Context, Operation, Request
from pgcutover.awslocal.http.store import Record, new_arn

GROUP = "ReplicationSubnetGroupIdentifier"
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_SMALLEST_ZONES = 2


def create_subnet_group(context: Context, request: Request) -> dict[str, Any]:
    """Create a group of subnets in at least two zones."""
    name = naming.identifier(request[GROUP], GROUP)
    wire = {
        GROUP: name,
        "ReplicationSubnetGroupDescription": request["ReplicationSubnetGroupDescription"],
        "VpcId": "vpc-0c0ffee0c0ffee000",
        "SubnetGroupStatus": "Complete",
        "Subnets": _subnets(request["SubnetIds"], context.region),
        "SupportedNetworkTypes": ["IPV4"],
        "IsReadOnly": False,
    }
    record = Record("subgrp", new_arn("subgrp", context.region, name), name, wire)
    record.tags = naming.tags(request.get("Tags"))
    context.store.add(record)
    return {"ReplicationSubnetGroup": wire}


def _subnets(ids: list[str], region: str) -> list[dict[str, Any]]:
    for subnet in ids:
        if not _SUBNET.fullmatch(subnet):
            raise DmsFault("InvalidSubnet", f"The subnet {subnet!r} is not valid.")
    if len(set(ids)) < _SMALLEST_ZONES:
        raise DmsFault(
            "ReplicationSubnetGroupDoesNotCoverEnoughAZs",
            "The subnet group must cover at least two availability zones.",
        )
    return [
        {
            "SubnetIdentifier": subnet,
            "SubnetAvailabilityZone": {"Name": f"{region}{'abc'[n % 3]}"},
            "SubnetStatus": "Active",
        }
        for n, subnet in enumerate(ids)
    ]


def describe_subnet_groups(context: Context, request: Request) -> dict[str, Any]:
    """Return the subnet groups of this region."""
    keys = {"replication-subnet-group-id": ["ReplicationSubnetGroupIdentifier"]}
    return describe(context, request, "subgrp", "ReplicationSubnetGroups", keys)


def delete_subnet_group(context: Context, request: Request) -> dict[str, Any]:
    """Delete a subnet group; refused while an instance uses it."""
    name = request["ReplicationSubnetGroupIdentifier"].lower()
    record = context.store.get("subgrp", new_arn("subgrp", context.region, name))
    for instance in context.store.all("rep", context.region):
        if instance.wire.get("ReplicationSubnetGroup", {}).get(GROUP) == name:
            raise wrong_state(
                f"The subnet group {name} is used by replication instance {instance.identifier}."
            )
    context.store.remove(record)
    return {}


OPERATIONS: dict[str, Operation] = {
    "CreateReplicationSubnetGroup": create_subnet_group,
    "DescribeReplicationSubnetGroups": describe_subnet_groups,
    "DeleteReplicationSubnetGroup": delete_subnet_group,
}
