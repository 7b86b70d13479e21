"""Operations on replication tasks and their table statistics."""

import json
import re
import time
from typing import Any

from pgcutover.awslocal.dms_api import table_mappings, task_settings
from pgcutover.awslocal.dms_api.describe import describe
from pgcutover.awslocal.dms_api.endpoints import connection_of
from pgcutover.awslocal.http import naming, paging
from pgcutover.awslocal.http.aws_errors import conflicting, invalid, wrong_state
from pgcutover.awslocal.http.request_context import Context, Operation, Request
from pgcutover.awslocal.http.store import Record, new_arn

_IDLE = ("ready", "stopped", "failed")
_LARGEST_STATISTICS_PAGE = 500
_MOST_TABLES_TO_RELOAD = 10


def create_task(context: Context, request: Request) -> dict[str, Any]:
    """Create a task, which is ready after the delay."""
    member = "ReplicationTaskIdentifier"
    name = naming.identifier(request[member], member)
    instance = context.store.get("rep", request["ReplicationInstanceArn"])
    if instance.wire["ReplicationInstanceStatus"] != "available":
        raise wrong_state(f"Replication Instance {instance.identifier} is not available.")
    _require_ends(context, request)
    position = _start_position(context, request)
    table_mappings.parse(request["TableMappings"])
    arn = new_arn("task", context.region, naming.resource_id(request.get("ResourceIdentifier")))
    record = Record("task", arn, name, {}, {"tables": {}}, naming.tags(request.get("Tags")))
    chosen = task_settings.parse(request.get("ReplicationTaskSettings"))
    record.wire = _wire(record, request, _with_log_place(chosen, record, instance))
    if position:
        record.hidden["cdc_start_position"] = position
        record.wire["CdcStartPosition"] = position
    record.become("Status", "creating", "ready", context.delay)
    context.store.add(record)
    return {"ReplicationTask": shown(record)}


def _start_position(context: Context, request: Request) -> str:
    """Return CdcStartPosition, which a source endpoint with SlotName needs, and no other takes."""
    source = context.store.get("endpoint", request["SourceEndpointArn"])
    slot, position = source.hidden["settings"].get("SlotName"), request.get("CdcStartPosition")
    if not slot or request["MigrationType"] != "cdc":
        _require_positions(request)
        if slot:
            raise invalid(f"Endpoint {source.identifier} has a SlotName: only a cdc task uses it.")
        return ""
    if not position or not re.fullmatch(r"[0-9A-Fa-f]+/[0-9A-Fa-f]+", position):
        raise invalid("SlotName requires a CdcStartPosition, the LSN at which the slot is.")
    _require_positions({**request, "CdcStartPosition": None})
    return str(position)


def _require_ends(context: Context, request: Request) -> None:
    for kind in ("source", "target"):
        endpoint = context.store.get("endpoint", request[f"{kind.title()}EndpointArn"])
        if endpoint.wire["EndpointType"] != kind:
            raise invalid(f"Endpoint {endpoint.identifier} is not a {kind} endpoint.")


def _require_positions(request: Request) -> None:
    for member in ("CdcStartTime", "CdcStartPosition", "CdcStopPosition", "TaskData"):
        if request.get(member) is not None:
            raise invalid(f"{member} is not implemented here.")


def _with_log_place(
    chosen: task_settings.TaskSettings, record: Record, instance: Record
) -> task_settings.TaskSettings:
    place = {
        "CloudWatchLogGroup": f"dms-tasks-{instance.identifier}",
        "CloudWatchLogStream": f"dms-task-{record.resource_id}",
    }
    logging = chosen.document["Logging"]
    chosen.document["Logging"] = logging | (place if logging["EnableLogging"] else {})
    return chosen


def _wire(record: Record, request: Request, chosen: task_settings.TaskSettings) -> dict[str, Any]:
    copied = (
        "SourceEndpointArn",
        "TargetEndpointArn",
        "ReplicationInstanceArn",
        "MigrationType",
        "TableMappings",
    )
    return {
        "ReplicationTaskIdentifier": record.identifier,
        "ReplicationTaskArn": record.arn,
        "ReplicationTaskCreationDate": time.time(),
        "ReplicationTaskSettings": chosen.text(),
        "ReplicationTaskStats": {},
        **{member: request[member] for member in copied if member in request},
    }


def modify_task(context: Context, request: Request) -> dict[str, Any]:
    """Change the given members of a task; it must not be running."""
    record = _idle(context, request["ReplicationTaskArn"], "modified")
    if request.get("MigrationType", record.wire["MigrationType"]) != record.wire["MigrationType"]:
        raise conflicting("The migration type of a task cannot be changed.")
    changed = {**record.wire, **request}
    _require_positions(request)
    table_mappings.parse(changed["TableMappings"])
    base = json.loads(record.wire["ReplicationTaskSettings"])
    chosen = task_settings.parse(request.get("ReplicationTaskSettings"), base)
    instance = context.store.get("rep", record.wire["ReplicationInstanceArn"])
    record.wire["TableMappings"] = changed["TableMappings"]
    record.wire["ReplicationTaskSettings"] = _with_log_place(chosen, record, instance).text()
    _rename(context, record, request)
    record.become("Status", "modifying", record.wire["Status"], context.delay)
    context.store.save()
    return {"ReplicationTask": shown(record)}


def _rename(context: Context, record: Record, request: Request) -> None:
    member = "ReplicationTaskIdentifier"
    name = naming.identifier(request.get(member, record.identifier), member)
    other = context.store.named("task", context.region, name)
    if other not in (None, record):
        raise invalid(f"Replication Task already exists: {name}")
    record.identifier = record.wire[member] = name


def describe_tasks(context: Context, request: Request) -> dict[str, Any]:
    """Return the tasks of this region with their progress."""
    keys = {
        "replication-task-arn": ["ReplicationTaskArn"],
        "replication-task-id": ["ReplicationTaskIdentifier"],
        "migration-type": ["MigrationType"],
        "endpoint-arn": ["SourceEndpointArn", "TargetEndpointArn"],
        "replication-instance-arn": ["ReplicationInstanceArn"],
    }
    answer = describe(context, request, "task", "ReplicationTasks", keys)
    bare = request.get("WithoutSettings", False)
    by_arn = {record.arn: record for record in context.store.all("task", context.region)}
    answer["ReplicationTasks"] = [
        shown(by_arn[row["ReplicationTaskArn"]], bare) for row in answer["ReplicationTasks"]
    ]
    return answer


def shown(record: Record, without_settings: bool = False) -> dict[str, Any]:
    """Return a task as AWS shows it, with current statistics."""
    hidden = ("ReplicationTaskSettings", "TableMappings") if without_settings else ()
    wire = {key: value for key, value in record.wire.items() if key not in hidden}
    states = [table["TableState"] for table in record.hidden["tables"].values()]
    loading = ("Full load", "Table is being reloaded")
    stats = {
        "FullLoadProgressPercent": _progress(record),
        "ElapsedTimeMillis": _elapsed(wire["ReplicationTaskStats"]),
        "TablesLoaded": states.count("Table completed"),
        "TablesLoading": sum(states.count(state) for state in loading),
        "TablesQueued": states.count("Before load"),
        "TablesErrored": states.count("Table error"),
    }
    return wire | {"ReplicationTaskStats": wire["ReplicationTaskStats"] | stats}


def _progress(record: Record) -> int:
    tables, expected = record.hidden["tables"], record.hidden.get("expected_rows", {})
    if not tables:
        return 0
    parts = [_part(row, max(expected.get(name, 1), 1)) for name, row in tables.items()]
    return int(100 * sum(done for done, _ in parts) / sum(whole for _, whole in parts))


def _part(row: dict[str, Any], expected: int) -> tuple[float, int]:
    if row["TableState"] in ("Table completed", "Table error"):
        return expected, expected
    return min(row["FullLoadRows"], expected * 0.99), expected


def _elapsed(stats: dict[str, Any]) -> int:
    if "StartDate" not in stats:
        return 0
    return int(1000 * (stats.get("StopDate", time.time()) - stats["StartDate"]))


def start_task(context: Context, request: Request) -> dict[str, Any]:
    """Start a task; both of its connections must have been tested successfully."""
    record = _idle(context, request["ReplicationTaskArn"], "started")
    _require_positions(request)
    mode, ran = request["StartReplicationTaskType"], "ReplicationTaskStartDate" in record.wire
    if ran and mode == "start-replication":
        raise conflicting(
            "Start Type : START_REPLICATION, valid only for tasks running for the first time."
        )
    if not ran and mode != "start-replication":
        raise conflicting(f"Start Type : {mode}, valid only for tasks that have run before.")
    _require_tested(context, record)
    record.wire["Status"] = "starting"
    record.wire["ReplicationTaskStartDate"] = time.time()
    context.runners.start(record, mode)
    context.store.save()
    return {"ReplicationTask": shown(record)}


def _require_tested(context: Context, record: Record) -> None:
    for member in ("SourceEndpointArn", "TargetEndpointArn"):
        connection = connection_of(
            context, record.wire["ReplicationInstanceArn"], record.wire[member]
        )
        if connection is None or connection.wire["Status"] != "successful":
            raise wrong_state(
                "Test connection for replication instance and endpoint should be successful for "
                f"starting the replication task: {record.wire[member]}"
            )


def _idle(context: Context, arn: str, verb: str) -> Record:
    record = context.store.get("task", arn)
    if record.wire["Status"] not in _IDLE:
        raise wrong_state(
            f"Replication Task {record.identifier} cannot be {verb}, invalid state: "
            f"{record.wire['Status']}"
        )
    return record


def stop_task(context: Context, request: Request) -> dict[str, Any]:
    """Stop a task after the batch it is applying."""
    record = context.store.get("task", request["ReplicationTaskArn"])
    if record.wire["Status"] not in ("running", "starting"):
        raise wrong_state(
            f"Replication Task {record.identifier} cannot be stopped, invalid state: "
            f"{record.wire['Status']}"
        )
    record.wire["Status"] = "stopping"
    context.runners.stop(record)
    context.store.save()
    return {"ReplicationTask": shown(record)}


def delete_task(context: Context, request: Request) -> dict[str, Any]:
    """Delete a task and the slot it created on the source."""
    record = _idle(context, request["ReplicationTaskArn"], "deleted")
    record.wire["Status"] = "deleting"
    context.runners.delete(record)
    context.store.save()
    return {"ReplicationTask": shown(record)}


def describe_statistics(context: Context, request: Request) -> dict[str, Any]:
    """Return the numbers of rows loaded, applied and validated for each table."""
    record = context.store.get("task", request["ReplicationTaskArn"])
    keys = {
        "schema-name": ["SchemaName"],
        "table-name": ["TableName"],
        "table-state": ["TableState"],
    }
    rows = [dict(row) for _, row in sorted(record.hidden["tables"].items())]
    found = paging.chosen(rows, request.get("Filters") or [], keys)
    answer = paging.page(found, request, "TableStatistics", _LARGEST_STATISTICS_PAGE)
    return answer | {"ReplicationTaskArn": record.arn}


def reload_tables(context: Context, request: Request) -> dict[str, Any]:
    """Reload tables while the task runs."""
    record = context.store.get("task", request["ReplicationTaskArn"])
    if record.wire["Status"] != "running":
        raise wrong_state(f"Replication Task {record.identifier} is not running.")
    if request.get("ReloadOption", "data-reload") != "data-reload":
        raise invalid("ReloadOption validate-only is not implemented here.")
    tables = [(t["SchemaName"], t["TableName"]) for t in request["TablesToReload"]]
    if len(tables) > _MOST_TABLES_TO_RELOAD or len(set(tables)) < len(tables):
        raise invalid("TablesToReload takes up to 10 tables, none of them twice.")
    for schema, table in tables:
        if f"{schema}.{table}" not in record.hidden["tables"]:
            raise invalid(f"Table {schema}.{table} is not one of this task.")
    context.runners.reload(record, tables)
    return {"ReplicationTaskArn": record.arn}


OPERATIONS: dict[str, Operation] = {
    "CreateReplicationTask": create_task,
    "ModifyReplicationTask": modify_task,
    "DescribeReplicationTasks": describe_tasks,
    "StartReplicationTask": start_task,
    "StopReplicationTask": stop_task,
    "DeleteReplicationTask": delete_task,
    "DescribeTableStatistics": describe_statistics,
    "ReloadTables": reload_tables,
}
