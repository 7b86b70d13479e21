"""The kinds of DMS objects, and how an object is found by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgcutover.movers.dms.client import Api


@dataclass(frozen=True, slots=True)
class Kind:
    """Names by which boto3 lists, creates and deletes one kind of object."""

    title: str
    noun: str
    filter_name: str
    id_key: str
    arn_key: str
    create: str = ""
    status_key: str = "Status"

    @property
    def listing(self) -> str:
        """Return the key of the list in the result of a describe call."""
        return self.noun + "s"

    @property
    def describe(self) -> str:
        """Return the describe method of boto3's client."""
        return f"describe_{_snake(self.noun)}s"

    @property
    def create_operation(self) -> str:
        """Return the create method of boto3's client."""
        return self.create or f"create_{_snake(self.noun)}"

    @property
    def delete_operation(self) -> str:
        """Return the delete method of boto3's client."""
        return f"delete_{_snake(self.noun)}"


SUBNET_GROUP = Kind(
    "subnet group",
    "ReplicationSubnetGroup",
    "replication-subnet-group-id",
    "ReplicationSubnetGroupIdentifier",
    "ReplicationSubnetGroupIdentifier",  # it has no ARN in the API and is referred to by name
    status_key="SubnetGroupStatus",
)
INSTANCE = Kind(
    "replication instance",
    "ReplicationInstance",
    "replication-instance-id",
    "ReplicationInstanceIdentifier",
    "ReplicationInstanceArn",
    status_key="ReplicationInstanceStatus",
)
CERTIFICATE = Kind(
    "certificate",
    "Certificate",
    "certificate-id",
    "CertificateIdentifier",
    "CertificateArn",
    create="import_certificate",
)
ENDPOINT = Kind(
    "endpoint",
    "Endpoint",
    "endpoint-id",
    "EndpointIdentifier",
    "EndpointArn",
)
TASK = Kind(
    "task",
    "ReplicationTask",
    "replication-task-id",
    "ReplicationTaskIdentifier",
    "ReplicationTaskArn",
)


def find(api: Api, kind: Kind, identifier: str) -> Mapping[str, Any] | None:
    """Return the object of that name, or None; DMS stores names in lower case."""
    wanted = identifier.lower()
    filters = [{"Name": kind.filter_name, "Values": [wanted]}]
    for found in api.pages(kind.describe, kind.listing, Filters=filters):
        if str(found.get(kind.id_key, "")).lower() == wanted:
            return found
    return None


def _snake(noun: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in noun).lstrip("_")
