"""Operations on endpoints and on connections between an instance and an endpoint."""

from typing import Any

from pgcutover.awslocal.dms_api.describe import describe
from pgcutover.awslocal.http import naming
from pgcutover.awslocal.http.aws_errors import conflicting, invalid, not_found, wrong_state
from pgcutover.awslocal.http.request_context import Context, Operation, Request
from pgcutover.awslocal.http.store import Record, new_arn

_ENGINES = {"postgres": "PostgreSQL", "aurora-postgresql": "Amazon Aurora PostgreSQL"}
_OTHER_SETTINGS = ("DmsTransferSettings", "ServiceAccessRoleArn", "ExternalTableDefinition")
_CLEAR = ("ServerName", "Port", "Username", "Password")
_SECRET = ("SecretsManagerSecretId", "SecretsManagerAccessRoleArn")
_PLACE = (*_CLEAR, "DatabaseName")
_UNSUPPORTED = ("BabelfishDatabaseName", "ServiceAccessRoleArn")
_ATTRIBUTES = {
    "afterconnectscript": ("AfterConnectScript", str),
    "captureddls": ("CaptureDdls", bool),
    "maxfilesize": ("MaxFileSize", int),
    "ddlartifactsschema": ("DdlArtifactsSchema", str),
    "executetimeout": ("ExecuteTimeout", int),
    "failtasksonlobtruncation": ("FailTasksOnLobTruncation", bool),
    "heartbeatenable": ("HeartbeatEnable", bool),
    "heartbeatschema": ("HeartbeatSchema", str),
    "heartbeatfrequency": ("HeartbeatFrequency", int),
    "slotname": ("SlotName", str),
    "pluginname": ("PluginName", str),
    "trimspaceinchar": ("TrimSpaceInChar", bool),
    "mapbooleanasboolean": ("MapBooleanAsBoolean", bool),
    "mapjsonbasclob": ("MapJsonbAsClob", bool),
}
_IDLE = ("ready", "stopped", "failed")


def create_endpoint(context: Context, request: Request) -> dict[str, Any]:
    """Create an active endpoint; its password is stored in the private state file only."""
    name = naming.identifier(request["EndpointIdentifier"], "EndpointIdentifier")
    arn = new_arn("endpoint", context.region, naming.resource_id(request.get("ResourceIdentifier")))
    record = Record("endpoint", arn, name, {}, tags=naming.tags(request.get("Tags")))
    _fill(context, record, {**request, "EndpointIdentifier": name})
    context.store.add(record)
    return {"Endpoint": record.wire}


def modify_endpoint(context: Context, request: Request) -> dict[str, Any]:
    """Change the given members of an endpoint; refused while a task uses it."""
    record = context.store.get("endpoint", request["EndpointArn"])
    for task in _tasks_of(context, record):
        if task.wire["Status"] not in _IDLE:
            raise wrong_state(f"Endpoint {record.identifier} is used by task {task.identifier}.")
    changed = {**record.hidden["request"], **request}
    settings = {
        **record.hidden["request"].get("PostgreSQLSettings", {}),
        **request.get("PostgreSQLSettings", {}),
    }
    _fill(context, record, {**changed, "PostgreSQLSettings": settings})
    context.store.save()
    return {"Endpoint": record.wire}


def _fill(context: Context, record: Record, request: Request) -> None:
    engine = request["EngineName"]
    if engine not in _ENGINES:
        raise invalid(f"EngineName {engine!r}: this local DMS moves {', '.join(_ENGINES)} only.")
    _refuse_other_engines(request)
    settings = _settings(request)
    _require_place(settings)
    _require_certificate(context, request)
    record.hidden = {"request": request, "settings": settings}
    record.wire = _wire(record, request, settings)


def _refuse_other_engines(request: Request) -> None:
    other = [
        member
        for member in request
        if (member.endswith("Settings") and member != "PostgreSQLSettings")
        or member in _OTHER_SETTINGS
    ]
    if other:
        raise conflicting(f"{', '.join(other)}: not for a PostgreSQL endpoint.")


def _settings(request: Request) -> dict[str, Any]:
    settings = dict(request.get("PostgreSQLSettings") or {})
    settings |= {member: request[member] for member in _PLACE if member in request}
    settings = _attributes(request.get("ExtraConnectionAttributes", "")) | settings
    strange = [member for member in _UNSUPPORTED if settings.get(member)]
    if strange or settings.get("AuthenticationMethod", "password") != "password":
        raise invalid(
            f"{', '.join(strange) or 'AuthenticationMethod iam'} is not implemented here."
        )
    return settings


def _attributes(text: str) -> dict[str, Any]:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return dict(_attribute(key.strip(), value.strip()) for key, _, value in pairs)


def _attribute(key: str, value: str) -> tuple[str, Any]:
    if key.lower() not in _ATTRIBUTES:
        raise invalid(f"ExtraConnectionAttributes: {key!r} is not implemented here.")
    member, kind = _ATTRIBUTES[key.lower()]
    if kind is bool:
        return member, value.lower() in ("true", "y", "yes", "1")
    return member, kind(value)


def _require_place(settings: dict[str, Any]) -> None:
    clear = [member for member in _CLEAR if settings.get(member)]
    secret = [member for member in _SECRET if settings.get(member)]
    if clear and secret:
        raise conflicting(f"{', '.join(secret)} and {', '.join(clear)} exclude each other.")
    missing = [m for m in (_SECRET if secret else _CLEAR) if not settings.get(m)]
    if missing or not settings.get("DatabaseName"):
        raise conflicting(f"{', '.join(missing) or 'DatabaseName'} is required.")


def _require_certificate(context: Context, request: Request) -> None:
    arn = request.get("CertificateArn")
    if arn:
        context.store.get("cert", arn)
    elif request.get("SslMode", "none").startswith("verify-"):
        raise conflicting(f"SslMode {request['SslMode']} requires a CertificateArn.")


def _wire(record: Record, request: Request, settings: dict[str, Any]) -> dict[str, Any]:
    shown = {k: v for k, v in settings.items() if k != "Password"}
    wire = {
        "EndpointIdentifier": record.identifier,
        "EndpointType": request["EndpointType"],
        "EngineName": request["EngineName"],
        "EngineDisplayName": _ENGINES[request["EngineName"]],
        "Status": "active",
        "EndpointArn": record.arn,
        "SslMode": request.get("SslMode", "none"),
        "IsReadOnly": False,
        "PostgreSQLSettings": shown,
    }
    copied = ("CertificateArn", "ExtraConnectionAttributes", "KmsKeyId")
    wire |= {member: request[member] for member in copied if request.get(member)}
    places = ("ServerName", "Port", "Username", "DatabaseName")
    return wire | {member: shown[member] for member in places if member in shown}


def describe_endpoints(context: Context, request: Request) -> dict[str, Any]:
    """Return the endpoints of this region, without passwords."""
    keys = {
        "endpoint-arn": ["EndpointArn"],
        "endpoint-type": ["EndpointType"],
        "endpoint-id": ["EndpointIdentifier"],
        "engine-name": ["EngineName"],
    }
    return describe(context, request, "endpoint", "Endpoints", keys)


def delete_endpoint(context: Context, request: Request) -> dict[str, Any]:
    """Delete an endpoint; refused while a task uses it."""
    record = context.store.get("endpoint", request["EndpointArn"])
    for task in _tasks_of(context, record):
        raise wrong_state(f"Endpoint {record.identifier} is used by task {task.identifier}.")
    for connection in context.store.all("connection", context.region):
        if connection.wire["EndpointArn"] == record.arn:
            context.store.remove(connection)
    record.become("Status", "deleting", None, context.delay)
    context.store.save()
    return {"Endpoint": record.wire}


def _tasks_of(context: Context, endpoint: Record) -> list[Record]:
    return [
        task
        for task in context.store.all("task", context.region)
        if endpoint.arn in (task.wire["SourceEndpointArn"], task.wire["TargetEndpointArn"])
    ]


def test_connection(context: Context, request: Request) -> dict[str, Any]:
    """Start a connection test, which connects to the server."""
    instance = context.store.get("rep", request["ReplicationInstanceArn"])
    endpoint = context.store.get("endpoint", request["EndpointArn"])
    if instance.wire["ReplicationInstanceStatus"] != "available":
        raise wrong_state(f"Replication Instance {instance.identifier} is not available.")
    record = connection_of(context, instance.arn, endpoint.arn)
    if record is None:
        record = Record("connection", new_arn("connection", context.region), "", {})
        record.identifier = record.resource_id
        context.store.add(record)
    record.wire = {
        "ReplicationInstanceArn": instance.arn,
        "EndpointArn": endpoint.arn,
        "Status": "testing",
        "EndpointIdentifier": endpoint.identifier,
        "ReplicationInstanceIdentifier": instance.identifier,
    }
    context.runners.test(record, endpoint)
    return {"Connection": dict(record.wire)}


def connection_of(context: Context, instance: str, endpoint: str) -> Record | None:
    """Return the connection between an instance and an endpoint, or None if never tested."""
    for record in context.store.all("connection", context.region):
        if (record.wire["ReplicationInstanceArn"], record.wire["EndpointArn"]) == (
            instance,
            endpoint,
        ):
            return record
    return None


def describe_connections(context: Context, request: Request) -> dict[str, Any]:
    """Return the connections of this region with the result of their last test."""
    keys = {
        "endpoint-arn": ["EndpointArn"],
        "replication-instance-arn": ["ReplicationInstanceArn"],
    }
    return describe(context, request, "connection", "Connections", keys)


def delete_connection(context: Context, request: Request) -> dict[str, Any]:
    """Delete a connection; it must be tested again before a task can start."""
    record = connection_of(context, request["ReplicationInstanceArn"], request["EndpointArn"])
    if record is None:
        raise not_found("No Connections found matching the replication instance and endpoint.")
    context.store.remove(record)
    return {"Connection": {**record.wire, "Status": "deleting"}}


OPERATIONS: dict[str, Operation] = {
    "CreateEndpoint": create_endpoint,
    "ModifyEndpoint": modify_endpoint,
    "DescribeEndpoints": describe_endpoints,
    "DeleteEndpoint": delete_endpoint,
    "TestConnection": test_connection,
    "DescribeConnections": describe_connections,
    "DeleteConnection": delete_connection,
}
