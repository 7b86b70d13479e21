"""Task settings: DMS's defaults, the caller's changes, and settings that are not implemented."""

import copy
import json
from dataclasses import dataclass
from typing import Any

from pgcutover.awslocal.http.aws_errors import DmsFault, invalid

_RECORD_POLICIES = ("IGNORE_RECORD", "LOG_ERROR", "SUSPEND_TABLE", "STOP_TASK")
_TABLE_POLICIES = ("SUSPEND_TABLE", "STOP_TASK")

DEFAULTS: dict[str, Any] = {
    "TargetMetadata": {
        "TargetSchema": "",
        "SupportLobs": True,
        "FullLobMode": False,
        "LobChunkSize": 64,
        "LimitedSizeLobMode": True,
        "LobMaxSize": 32,
        "InlineLobMaxSize": 0,
        "LoadMaxFileSize": 0,
        "ParallelLoadThreads": 0,
        "ParallelLoadBufferSize": 0,
        "ParallelLoadQueuesPerThread": 0,
        "ParallelApplyThreads": 0,
        "ParallelApplyBufferSize": 0,
        "ParallelApplyQueuesPerThread": 0,
        "BatchApplyEnabled": False,
        "TaskRecoveryTableEnabled": False,
    },
    "FullLoadSettings": {
        "TargetTablePrepMode": "DO_NOTHING",
        "CreatePkAfterFullLoad": False,
        "StopTaskCachedChangesApplied": False,
        "StopTaskCachedChangesNotApplied": False,
        "MaxFullLoadSubTasks": 8,
        "TransactionConsistencyTimeout": 600,
        "CommitRate": 10000,
    },
    "Logging": {
        "EnableLogging": False,
        "EnableLogContext": False,
        "LogComponents": None,
        "CloudWatchLogGroup": None,
        "CloudWatchLogStream": None,
        "DeleteTaskLogs": False,
    },
    "ControlTablesSettings": {
        "ControlSchema": "",
        "HistoryTimeslotInMinutes": 5,
        "HistoryTableEnabled": False,
        "SuspendedTablesTableEnabled": False,
        "StatusTableEnabled": False,
        "FullLoadExceptionTableEnabled": False,
    },
    "StreamBufferSettings": {
        "StreamBufferCount": 3,
        "StreamBufferSizeInMB": 8,
        "CtrlStreamBufferSizeInMB": 5,
    },
    "ChangeProcessingTuning": {
        "BatchApplyPreserveTransaction": True,
        "BatchApplyTimeoutMin": 1,
        "BatchApplyTimeoutMax": 30,
        "BatchApplyMemoryLimit": 500,
        "BatchSplitSize": 0,
        "MinTransactionSize": 1000,
        "CommitTimeout": 1,
        "MemoryLimitTotal": 1024,
        "MemoryKeepTime": 60,
        "StatementCacheSize": 50,
        "RecoveryTimeout": -1,
    },
    "ChangeProcessingDdlHandlingPolicy": {
        "HandleSourceTableDropped": True,
        "HandleSourceTableTruncated": True,
        "HandleSourceTableAltered": True,
    },
    "LoopbackPreventionSettings": None,
    "CharacterSetSettings": None,
    "BeforeImageSettings": None,
    "PostProcessingRules": None,
    "TTSettings": None,
    "FailTaskWhenCleanTaskResourceFailed": False,
    "ErrorBehavior": {
        "DataErrorPolicy": "LOG_ERROR",
        "DataTruncationErrorPolicy": "LOG_ERROR",
        "DataErrorEscalationPolicy": "SUSPEND_TABLE",
        "DataErrorEscalationCount": 0,
        "EventErrorPolicy": "IGNORE",
        "DataMaskingErrorPolicy": "STOP_TASK",
        "TableErrorPolicy": "SUSPEND_TABLE",
        "TableErrorEscalationPolicy": "STOP_TASK",
        "TableErrorEscalationCount": 0,
        "RecoverableErrorCount": -1,
        "RecoverableErrorInterval": 5,
        "RecoverableErrorThrottling": True,
        "RecoverableErrorThrottlingMax": 1800,
        "RecoverableErrorStopRetryAfterThrottlingMax": True,
        "ApplyErrorDeletePolicy": "IGNORE_RECORD",
        "ApplyErrorInsertPolicy": "LOG_ERROR",
        "ApplyErrorUpdatePolicy": "LOG_ERROR",
        "ApplyErrorEscalationPolicy": "LOG_ERROR",
        "ApplyErrorEscalationCount": 0,
        "ApplyErrorFailOnTruncationDdl": False,
        "FullLoadIgnoreConflicts": True,
        "FailOnTransactionConsistencyBreached": False,
        "FailOnNoTablesCaptured": True,
    },
    "ValidationSettings": {
        "EnableValidation": False,
        "ValidationMode": "ROW_LEVEL",
        "ThreadCount": 5,
        "PartitionSize": 10000,
        "FailureMaxCount": 10000,
        "RecordFailureDelayInMinutes": 5,
        "RecordSuspendDelayInMinutes": 30,
        "MaxKeyColumnSize": 8096,
        "TableFailureMaxCount": 1000,
        "ValidationOnly": False,
        "HandleCollationDiff": False,
        "RecordFailureDelayLimitInMinutes": 0,
        "SkipLobColumns": False,
        "ValidationPartialLobSize": 0,
        "ValidationQueryCdcDelaySeconds": 0,
    },
}

_ALLOWED: dict[tuple[str, str], tuple[Any, ...]] = {
    ("FullLoadSettings", "TargetTablePrepMode"): (
        "DO_NOTHING",
        "DROP_AND_CREATE",
        "TRUNCATE_BEFORE_LOAD",
    ),
    ("ErrorBehavior", "DataErrorPolicy"): _RECORD_POLICIES,
    ("ErrorBehavior", "DataErrorEscalationPolicy"): _TABLE_POLICIES,
    ("ErrorBehavior", "TableErrorPolicy"): _TABLE_POLICIES,
    ("ErrorBehavior", "TableErrorEscalationPolicy"): ("STOP_TASK",),
    ("ErrorBehavior", "ApplyErrorDeletePolicy"): _RECORD_POLICIES,
    ("ErrorBehavior", "ApplyErrorInsertPolicy"): (*_RECORD_POLICIES, "INSERT_RECORD"),
    ("ErrorBehavior", "ApplyErrorUpdatePolicy"): (*_RECORD_POLICIES, "UPDATE_RECORD"),
    ("ErrorBehavior", "ApplyErrorEscalationPolicy"): (
        "LOG_ERROR",
        "SUSPEND_TABLE",
        "STOP_TASK",
    ),
    # a setting that is not implemented is refused, not ignored
    ("TargetMetadata", "TargetSchema"): ("",),
    ("TargetMetadata", "SupportLobs"): (True,),
    ("FullLoadSettings", "CreatePkAfterFullLoad"): (False,),
    ("ControlTablesSettings", "HistoryTableEnabled"): (False,),
    ("ControlTablesSettings", "StatusTableEnabled"): (False,),
    ("ControlTablesSettings", "FullLoadExceptionTableEnabled"): (False,),
    ("ErrorBehavior", "DataTruncationErrorPolicy"): ("LOG_ERROR",),
    ("ValidationSettings", "ValidationMode"): ("ROW_LEVEL",),
    ("ValidationSettings", "ValidationOnly"): (False,),
}
_SWITCHES = {
    "LoopbackPreventionSettings": "EnableLoopbackPrevention",
    "BeforeImageSettings": "EnableBeforeImage",
    "TTSettings": "EnableTT",
}
_RANGES: dict[tuple[str, str], tuple[int, int]] = {
    ("TargetMetadata", "LobMaxSize"): (0, 2_097_152),
    ("FullLoadSettings", "MaxFullLoadSubTasks"): (1, 49),
    ("FullLoadSettings", "CommitRate"): (1, 50_000),
}


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Task settings with all defaults filled in."""

    document: dict[str, Any]

    def of(self, section: str, key: str) -> Any:
        """Return one setting."""
        return self.document[section][key]

    def policy(self, key: str) -> str:
        """Return an ErrorBehavior setting that names an action."""
        return str(self.document["ErrorBehavior"][key])

    @property
    def lob_limit_kilobytes(self) -> int | None:
        """Return the maximum size of a LOB, or None in full LOB mode."""
        metadata = self.document["TargetMetadata"]
        return int(metadata["LobMaxSize"]) if metadata["LimitedSizeLobMode"] else None

    def text(self) -> str:
        """Return the JSON that DescribeReplicationTasks shows."""
        return json.dumps(self.document)


def parse(text: str | None, base: dict[str, Any] | None = None) -> TaskSettings:
    """Merge settings into the defaults or into `base`; DmsFault names an unusable one."""
    try:
        given = json.loads(text) if text else {}
    except ValueError:
        raise invalid("Invalid task settings: not JSON.") from None
    if not isinstance(given, dict):
        raise invalid("Invalid task settings: expected a JSON object.")
    document = copy.deepcopy(base or DEFAULTS)
    for section, values in given.items():
        _merge(document, section, values)
    _require_possible(document)
    return TaskSettings(document)


def _merge(document: dict[str, Any], section: str, values: Any) -> None:
    if section not in DEFAULTS:
        raise _fault(section, "it is not known")
    default = DEFAULTS[section]
    if default is None:
        _require_off(section, values)
    elif not isinstance(default, dict):
        document[section] = _typed(section, default, values)
    elif isinstance(values, dict):
        for key, value in values.items():
            if key not in default:
                raise _fault(f"{section}.{key}", "it is not known")
            document[section][key] = _typed(f"{section}.{key}", default[key], value)
    elif values is not None:
        raise _fault(section, "expected an object")


def _require_off(section: str, values: Any) -> None:
    switch = _SWITCHES.get(section)
    off = values is None or (switch and isinstance(values, dict) and not values.get(switch))
    if not off:
        raise _fault(section, "it is not implemented here")


def _typed(path: str, default: Any, value: Any) -> Any:
    if default is None or (type(value) is type(default)):
        return value
    raise _fault(path, f"expected {type(default).__name__}, found {value!r}")


def _require_possible(document: dict[str, Any]) -> None:
    for (section, key), allowed in _ALLOWED.items():
        value = document[section][key]
        if value not in allowed:
            choices = ", ".join(str(choice) or "an empty text" for choice in allowed)
            raise _fault(f"{section}.{key}", f"{value!r} is not implemented; expected {choices}")
    for (section, key), (least, most) in _RANGES.items():
        if not least <= document[section][key] <= most:
            raise _fault(f"{section}.{key}", f"expected {least} to {most}")
    _require_one_lob_mode(document["TargetMetadata"])
    load = document["FullLoadSettings"]
    if load["StopTaskCachedChangesApplied"] and load["StopTaskCachedChangesNotApplied"]:
        raise _fault("FullLoadSettings", "a task stops before or after cached changes, not both")


def _require_one_lob_mode(metadata: dict[str, Any]) -> None:
    if metadata["FullLobMode"] == metadata["LimitedSizeLobMode"]:
        raise _fault("TargetMetadata", "exactly one of FullLobMode, LimitedSizeLobMode is true")
    if metadata["LimitedSizeLobMode"] and metadata["LobMaxSize"] == 0:
        raise _fault("TargetMetadata.LobMaxSize", "limited LOB mode needs a size above 0")


def _fault(path: str, reason: str) -> DmsFault:
    return invalid(f"Invalid task settings JSON: {path}: {reason}.")
