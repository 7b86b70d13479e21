"""Operations on what stands around a task: subnet groups, instances, certificates, tags."""

import re
import time
from typing import Any

from cryptography import x509

from pgcutover.awslocal.http import naming, paging
from pgcutover.awslocal.http.aws_errors import DmsFault, invalid, wrong_state
from pgcutover.awslocal.http.request_context import Context, Operation, Request
from pgcutover.awslocal.http.store import ACCOUNT, Record, new_arn

_CLASS = re.compile(r"dms\.[a-z][a-z0-9]*\.[a-z0-9]+")
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_ENGINE_VERSION = "3.5.4"
_SMALLEST_ZONES = 2


def create_subnet_group(context: Context, request: Request) -> dict[str, Any]:
    """A group over subnets of at least two zones."""
    member = "ReplicationSubnetGroupIdentifier"
    name = naming.identifier(request[member], member)
    wire = {
        member: name,
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
    """The subnet groups of this region."""
    keys = {"replication-subnet-group-id": ["ReplicationSubnetGroupIdentifier"]}
    return describe(context, request, "subgrp", "ReplicationSubnetGroups", keys)


def delete_subnet_group(context: Context, request: Request) -> dict[str, Any]:
    """Gone at once, unless an instance uses it."""
    name = request["ReplicationSubnetGroupIdentifier"].lower()
    record = context.store.get("subgrp", new_arn("subgrp", context.region, name))
    for instance in context.store.all("rep", context.region):
        if instance.wire.get("ReplicationSubnetGroup", {}).get(_GROUP) == name:
            raise wrong_state(
                f"The subnet group {name} is used by replication instance {instance.identifier}."
            )
    context.store.remove(record)
    return {}


_GROUP = "ReplicationSubnetGroupIdentifier"


def create_instance(context: Context, request: Request) -> dict[str, Any]:
    """An instance that is creating, and available after the delay."""
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
    if request.get(_GROUP):
        group = context.store.get(
            "subgrp", new_arn("subgrp", context.region, request[_GROUP].lower())
        )
        wire["ReplicationSubnetGroup"] = group.wire
    return wire


def describe_instances(context: Context, request: Request) -> dict[str, Any]:
    """The instances of this region."""
    keys = {
        "replication-instance-arn": ["ReplicationInstanceArn"],
        "replication-instance-id": ["ReplicationInstanceIdentifier"],
        "replication-instance-class": ["ReplicationInstanceClass"],
        "engine-version": ["EngineVersion"],
    }
    return describe(context, request, "rep", "ReplicationInstances", keys)


def delete_instance(context: Context, request: Request) -> dict[str, Any]:
    """An instance that is deleting, then gone; refused while a task lives on it."""
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


def import_certificate(context: Context, request: Request) -> dict[str, Any]:
    """A CA certificate, kept for endpoints that verify the server."""
    name = naming.identifier(request["CertificateIdentifier"], "CertificateIdentifier")
    pem = request.get("CertificatePem")
    if not pem or "CertificateWallet" in request:
        raise invalid("CertificatePem is required; a CertificateWallet is for Oracle only.")
    arn = new_arn("cert", context.region)
    record = Record("cert", arn, name, {"CertificateIdentifier": name} | _certificate(pem, arn))
    record.tags = naming.tags(request.get("Tags"))
    context.store.add(record)
    return {"Certificate": record.wire}


def _certificate(pem: str, arn: str) -> dict[str, Any]:
    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        raise DmsFault(
            "InvalidCertificateFault", "CertificatePem holds no X.509 certificate."
        ) from None
    key = certificate.public_key()
    digest = certificate.signature_hash_algorithm
    return {
        "CertificateCreationDate": time.time(),
        "CertificatePem": pem,
        "CertificateArn": arn,
        "CertificateOwner": ACCOUNT,
        "ValidFromDate": certificate.not_valid_before_utc.timestamp(),
        "ValidToDate": certificate.not_valid_after_utc.timestamp(),
        "SigningAlgorithm": digest.name.upper() if digest else "",
        "KeyLength": getattr(key, "key_size", 256),
    }


def describe_certificates(context: Context, request: Request) -> dict[str, Any]:
    """The certificates of this region."""
    keys = {"certificate-arn": ["CertificateArn"], "certificate-id": ["CertificateIdentifier"]}
    return describe(context, request, "cert", "Certificates", keys)


def delete_certificate(context: Context, request: Request) -> dict[str, Any]:
    """Gone at once, unless an endpoint uses it."""
    record = context.store.get("cert", request["CertificateArn"])
    for endpoint in context.store.all("endpoint", context.region):
        if endpoint.wire.get("CertificateArn") == record.arn:
            raise wrong_state(
                f"Certificate {record.identifier} is used by endpoint {endpoint.identifier}."
            )
    context.store.remove(record)
    return {"Certificate": record.wire}


def describe(
    context: Context, request: Request, kind: str, member: str, keys: dict[str, list[str]]
) -> dict[str, Any]:
    """A page of the resources of a kind that pass the request's filters."""
    rows = [record.wire for record in context.store.all(kind, context.region)]
    filters = request.get("Filters") or []
    found = paging.chosen(rows, filters, keys)
    paging.require_match(found, filters, member.removesuffix("s"))
    return paging.page(found, request, member)


def add_tags(context: Context, request: Request) -> dict[str, Any]:
    """Tags added to a resource, or changed."""
    context.store.any(request["ResourceArn"]).tags.update(naming.tags(request["Tags"]))
    context.store.save()
    return {}


def remove_tags(context: Context, request: Request) -> dict[str, Any]:
    """Tags taken from a resource; one that is not there is no error."""
    record = context.store.any(request["ResourceArn"])
    record.tags = {k: v for k, v in record.tags.items() if k not in request["TagKeys"]}
    context.store.save()
    return {}


def list_tags(context: Context, request: Request) -> dict[str, Any]:
    """The tags of one resource or of several."""
    arns = request.get("ResourceArnList") or [request.get("ResourceArn", "")]
    rows = [(arn, context.store.any(arn).tags) for arn in arns]
    return {
        "TagList": [
            {"Key": key, "Value": value, "ResourceArn": arn}
            for arn, tags in rows
            for key, value in tags.items()
        ]
    }


OPERATIONS: dict[str, Operation] = {
    "CreateReplicationSubnetGroup": create_subnet_group,
    "DescribeReplicationSubnetGroups": describe_subnet_groups,
    "DeleteReplicationSubnetGroup": delete_subnet_group,
    "CreateReplicationInstance": create_instance,
    "DescribeReplicationInstances": describe_instances,
    "DeleteReplicationInstance": delete_instance,
    "ImportCertificate": import_certificate,
    "DescribeCertificates": describe_certificates,
    "DeleteCertificate": delete_certificate,
    "AddTagsToResource": add_tags,
    "RemoveTagsFromResource": remove_tags,
    "ListTagsForResource": list_tags,
}
