"""Specifications of the DMS objects: how each is created, and how an existing one is compared."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pgcutover.config import DmsSettings
from pgcutover.errors import MoverError
from pgcutover.movers.dms.resources import resource_kinds
from pgcutover.movers.dms.resources.resource_kinds import Kind
from pgcutover.movers.dms.settings.setting_risks import endpoint_setting_names
from pgcutover.movers.dms.settings.task_settings import parse_document, settings_differences

Found = Mapping[str, Any]

# Endpoint settings whose defaults would change rows or the source
# ("Using PostgreSQL as a source / target", endpoint settings).
_POSTGRES: Mapping[str, object] = {
    "MapBooleanAsBoolean": True,  # default: booleans travel as varchar(5)
    "TrimSpaceInChar": False,  # default: trailing spaces of char(n) are lost
}
_SOURCE_ONLY: Mapping[str, object] = {
    "CaptureDdls": False,  # default: an event trigger and a table are installed on the source
    "FailTasksOnLobTruncation": True,  # default: a value above the limit is cut in silence
}
_TARGET_ONLY: Mapping[str, object] = {
    # triggers have fired on the source already, foreign keys hold there
    "AfterConnectScript": "SET session_replication_role='replica'",
}
_DEFAULTS: Mapping[str, object] = {
    "MapBooleanAsBoolean": False,
    "TrimSpaceInChar": True,
    "CaptureDdls": True,
    "FailTasksOnLobTruncation": False,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of an existing object that differs from its specification."""

    setting: str
    expected: object
    found: object

    def __str__(self) -> str:
        """`setting: expected …, found …`."""
        return f"{self.setting}: expected {_short(self.expected)}, found {_short(self.found)}"


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """An object's kind, name, and the parameters that create it."""

    kind: Kind
    identifier: str
    parameters: Mapping[str, Any] | None

    def differences(self, found: Found) -> tuple[Difference, ...]:
        """Return the settings in which an existing object differs."""
        return tuple(_COMPARISONS[self.kind.noun](self, found))

    def __str__(self) -> str:
        """Kind and name, as messages show them."""
        return f"{self.kind.title} {self.identifier!r}"


def subnet_group(settings: DmsSettings) -> ObjectSpec:
    """Return the subnets of the replication instance."""
    return ObjectSpec(
        resource_kinds.SUBNET_GROUP,
        settings.subnet_group,
        {
            "ReplicationSubnetGroupIdentifier": settings.subnet_group,
            "ReplicationSubnetGroupDescription": f"pgcutover {settings.task}",
            "SubnetIds": list(settings.subnet_ids),
        },
    )


def instance(settings: DmsSettings) -> ObjectSpec:
    """Return the replication instance, which is not publicly accessible."""
    groups = list(settings.security_group_ids)
    return ObjectSpec(
        resource_kinds.INSTANCE,
        settings.replication_instance,
        {
            "ReplicationInstanceIdentifier": settings.replication_instance,
            "ReplicationInstanceClass": settings.replication_instance_class,
            "AllocatedStorage": settings.allocated_storage_gb,
            "MultiAZ": settings.multi_az,
            "PubliclyAccessible": False,
            "AutoMinorVersionUpgrade": False,
            "ReplicationSubnetGroupIdentifier": settings.subnet_group,
            **({"VpcSecurityGroupIds": groups} if groups else {}),
        },
    )


def certificate(identifier: str, pem: str | None) -> ObjectSpec:
    """Return a CA certificate; without its PEM it can be used, but not imported."""
    if pem and not pem_blocks(pem):
        raise MoverError(
            f"certificate {identifier!r}: the CA file holds no PEM certificate; expected lines "
            "between BEGIN CERTIFICATE and END CERTIFICATE"
        )
    parameters = {"CertificateIdentifier": identifier, "CertificatePem": pem}
    return ObjectSpec(resource_kinds.CERTIFICATE, identifier, parameters if pem else None)


def endpoint(
    settings: DmsSettings,
    side: str,
    *,
    certificate_arn: str | None,
    database: str,
    kind: str = "",
    identifier: str = "",
) -> ObjectSpec:
    """Return an endpoint of one side, with verify-full and the credentials of its secret.

    By default it is the one of the loading task; on the way back the target is read, and `kind`
    is "source".
    """
    kind = kind or side
    source = kind == "source"
    identifier = identifier or (settings.source_endpoint if source else settings.target_endpoint)
    return ObjectSpec(
        resource_kinds.ENDPOINT,
        identifier,
        {
            "EndpointIdentifier": identifier,
            "EndpointType": kind,
            "EngineName": "postgres",
            "SslMode": "verify-full",
            "CertificateArn": certificate_arn,
            "DatabaseName": database,
            "PostgreSQLSettings": {
                "SecretsManagerSecretId": secret_id(settings, side),
                "SecretsManagerAccessRoleArn": settings.secrets_role_arn,
                **_POSTGRES,
                **(_SOURCE_ONLY if source else _TARGET_ONLY),
            },
        },
    )


def task(
    settings: DmsSettings, arns: Mapping[str, str | None], mappings: object, task_settings: object
) -> ObjectSpec:
    """Return the task: full load and change capture, by the mapping rules."""
    return ObjectSpec(
        resource_kinds.TASK,
        settings.task,
        {
            "ReplicationTaskIdentifier": settings.task,
            "SourceEndpointArn": arns["source endpoint"],
            "TargetEndpointArn": arns["target endpoint"],
            "ReplicationInstanceArn": arns["replication instance"],
            "MigrationType": "full-load-and-cdc",
            "TableMappings": json.dumps(mappings),
            "ReplicationTaskSettings": json.dumps(task_settings),
        },
    )


def secret_id(settings: DmsSettings, side: str) -> str:
    """Return the identifier of the secret with one side's credentials."""
    return settings.source_secret_id if side == "source" else settings.target_secret_id


def endpoint_settings(found: Found) -> dict[str, object]:
    """Return the PostgreSQL settings of an existing endpoint, however they were given."""
    return {**_connection_attributes(found), **found.get("PostgreSQLSettings", {})}


def _subnet_group_differences(wanted: ObjectSpec, found: Found) -> Iterator[Difference]:
    subnets = sorted(str(s.get("SubnetIdentifier")) for s in found.get("Subnets", []))
    yield from _compare("subnets", sorted(_parameters(wanted)["SubnetIds"]), subnets)


def _instance_differences(wanted: ObjectSpec, found: Found) -> Iterator[Difference]:
    parameters = _parameters(wanted)
    found = {**found, **found.get("PendingModifiedValues", {})}  # while it is being created
    for key in ("ReplicationInstanceClass", "MultiAZ", "PubliclyAccessible"):
        yield from _compare(key, parameters[key], found.get(key))
    if (found.get("AllocatedStorage") or 0) < parameters["AllocatedStorage"]:
        yield Difference(
            "AllocatedStorage", parameters["AllocatedStorage"], found.get("AllocatedStorage")
        )
    group = found.get("ReplicationSubnetGroup", {}).get("ReplicationSubnetGroupIdentifier", "")
    expected = parameters["ReplicationSubnetGroupIdentifier"]
    yield from _compare("subnet group", expected.lower(), str(group).lower())
    if "VpcSecurityGroupIds" in parameters:
        groups = sorted(g.get("VpcSecurityGroupId") for g in found.get("VpcSecurityGroups", []))
        yield from _compare("security groups", sorted(parameters["VpcSecurityGroupIds"]), groups)


def _certificate_differences(wanted: ObjectSpec, found: Found) -> Iterator[Difference]:
    if wanted.parameters is None:
        return
    theirs = pem_blocks(found.get("CertificatePem") or "")
    if pem_blocks(wanted.parameters["CertificatePem"]) != theirs:
        yield Difference("content", "the CA file's certificates", "other certificates")


def pem_blocks(text: str) -> frozenset[str]:
    """Return the certificates of a PEM text, without line breaks and comments."""
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.S)
    return frozenset("".join(block.split()) for block in blocks)


def _endpoint_differences(wanted: ObjectSpec, found: Found) -> Iterator[Difference]:
    parameters = _parameters(wanted)
    for key in ("EndpointType", "EngineName", "SslMode", "CertificateArn"):
        yield from _compare(key, parameters[key], found.get(key))
    own = parameters["PostgreSQLSettings"]
    theirs = endpoint_settings(found)
    database = found.get("DatabaseName") or theirs.get("DatabaseName")
    yield from _compare("DatabaseName", parameters["DatabaseName"], database)
    for key, value in own.items():
        actual = theirs.get(key, _DEFAULTS.get(key))
        if key == "SecretsManagerSecretId" and _is_arn_of_secret(actual, value):
            continue
        yield from _compare(key, value, actual)


def _task_differences(wanted: ObjectSpec, found: Found) -> Iterator[Difference]:
    parameters = _parameters(wanted)
    for key in ("SourceEndpointArn", "TargetEndpointArn", "ReplicationInstanceArn"):
        yield from _compare(key, parameters[key], found.get(key))
    yield from _compare("MigrationType", parameters["MigrationType"], found.get("MigrationType"))
    rules = [_rules(d.get("TableMappings"), str(wanted)) for d in (parameters, found)]
    if rules[0] != rules[1]:
        changed = sorted(
            k for k in rules[0].keys() | rules[1].keys() if rules[0].get(k) != rules[1].get(k)
        )
        yield Difference("table mappings", "the rules of this migration", f"other rules: {changed}")
    documents = [
        parse_document(d.get("ReplicationTaskSettings"), str(wanted)) for d in (parameters, found)
    ]
    for setting, expected, actual in settings_differences(documents[0], documents[1]):
        yield Difference(setting, expected, actual)


_COMPARISONS = {
    "ReplicationSubnetGroup": _subnet_group_differences,
    "ReplicationInstance": _instance_differences,
    "Certificate": _certificate_differences,
    "Endpoint": _endpoint_differences,
    "ReplicationTask": _task_differences,
}


def _parameters(wanted: ObjectSpec) -> Mapping[str, Any]:
    return wanted.parameters or {}


def _compare(setting: str, expected: object, found: object) -> Iterator[Difference]:
    if expected != found:
        yield Difference(setting, expected, found)


def _rules(text: str | None, what: str) -> dict[str, str]:
    """Return the rules of a mapping document by name, each as canonical JSON."""
    rules = parse_document(text, what).get("rules", [])
    return {
        str(rule.get("rule-name") or rule.get("rule-id")): json.dumps(rule, sort_keys=True)
        for rule in rules
    }


def _is_arn_of_secret(found: object, wanted: object) -> bool:
    """Tell if a secret's ARN, which ends in six random characters, is that of this name."""
    return bool(
        re.fullmatch(
            rf"arn:[^:]+:secretsmanager:.*:secret:{re.escape(str(wanted))}-\w{{6}}", str(found)
        )
    )


def _connection_attributes(found: Found) -> dict[str, object]:
    """Return endpoint settings that DMS shows as extra connection attributes, `name=value;…`."""
    names = {key.lower(): key for key in endpoint_setting_names()}
    text = str(found.get(_ATTRIBUTES) or "")
    parts = [p.partition("=") for p in text.split(";") if p.strip()]
    # a script may hold semicolons; its text must not become the name of a setting
    named = [(n.strip() if n.strip().isidentifier() else _ATTRIBUTES, v) for n, _, v in parts]
    values = {names.get(name.lower(), name): value.strip() for name, value in named}
    return {key: _SWITCHES.get(value.lower(), value) for key, value in values.items()}


_ATTRIBUTES = "ExtraConnectionAttributes"
_SWITCHES: Mapping[str, object] = {"true": True, "y": True, "false": False, "n": False}


def _short(value: object) -> str:
    if value is None:
        return "none"
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
