"""Task settings by which AWS DMS can lose or hide rows.

From the DMS user guide, "Task settings" and its pages. LOG_ERROR is accepted for apply errors,
because each leaves a row in awsdms_apply_exceptions, which DMS-EXCEPTIONS reports; for data errors
it leaves a line in the task's log only.
"""

from pgcutover.movers.dms.settings.risk import (
    SAFE_POLICIES,
    SOURCE,
    Risk,
    Values,
    captures,
    has_lobs,
    loads,
    loads_and_captures,
    truncates_lobs,
)
from pgcutover.movers.dms.settings.workload import Workload


def _truncates_silently(workload: Workload, values: Values) -> bool:
    fails = values.get(f"{SOURCE}.FailTasksOnLobTruncation")
    return truncates_lobs(workload, values) and not fails


def _has_keyless(workload: Workload, values: Values) -> bool:
    return captures(workload, values) and bool(workload.keyless_tables)


def _has_several_unique(workload: Workload, values: Values) -> bool:
    return captures(workload, values) and bool(workload.several_unique_tables)


def _batches_full_lobs(workload: Workload, values: Values) -> bool:
    full = bool(values.get("TargetMetadata.FullLobMode"))
    return full and captures(workload, values) and has_lobs(workload, values)


def _validates_lobs_in_part(workload: Workload, values: Values) -> bool:
    kilobytes = values.get("ValidationSettings.ValidationPartialLobSize")
    largest = workload.largest_lob_bytes or 0
    return isinstance(kilobytes, int) and largest > kilobytes * 1024


def _inserts_without_lobs(workload: Workload, values: Values) -> bool:
    updates = values.get("ErrorBehavior.ApplyErrorUpdatePolicy") == "UPDATE_RECORD"
    return captures(workload, values) and (not updates or has_lobs(workload, values))


def _logs_errors_only(workload: Workload, values: Values) -> bool:
    found = values.get("Logging.LogComponents")
    components = found if isinstance(found, list) else []
    return any(
        isinstance(each, dict) and each.get("Severity") == "LOGGER_SEVERITY_ERROR"
        for each in components
    )


TASK_RISKS = (
    Risk(
        "MigrationType",
        "full-load-and-cdc",
        ("full-load-and-cdc",),
        "the task moves either the rows before its start or the changes after it; another tool "
        "must move the rest, without a gap",
        is_warning=True,
    ),
    Risk("Logging.EnableLogging", False, (True,), "errors leave no trace"),
    Risk(
        "Logging.LogComponents",
        None,
        (None,),
        "a component with LOGGER_SEVERITY_ERROR does not log warnings, such as of truncation",
        _logs_errors_only,
        is_warning=True,
    ),
    Risk(
        "ValidationSettings.EnableValidation",
        False,
        (True,),
        "DMS does not compare the rows that it wrote",
    ),
    Risk("ValidationSettings.ValidationOnly", False, (False,), "the task moves no row"),
    Risk(
        "ValidationSettings.ValidationMode",
        "ROW_LEVEL",
        ("ROW_LEVEL",),
        "the validation of DMS need not compare each row",
        is_warning=True,
    ),
    Risk(
        "ValidationSettings.SkipLobColumns",
        False,
        (False,),
        "the validation of DMS skips large values",
        has_lobs,
    ),
    Risk(
        "ValidationSettings.ValidationPartialLobSize",
        0,
        (0,),
        "the validation of DMS compares only the beginning of large values",
        _validates_lobs_in_part,
    ),
    Risk(
        "ValidationSettings.HandleCollationDiff",
        False,
        (True,),
        "the validation of DMS can pair the wrong rows where the two sides sort text keys "
        "differently",
        lambda workload, values: bool(workload.text_key_tables),
        is_warning=True,
        tables=lambda workload: workload.text_key_tables,
    ),
    Risk(
        "ErrorBehavior.DataErrorPolicy",
        "LOG_ERROR",
        SAFE_POLICIES,
        "a row that cannot be converted or written is left out, at most with a line in the log",
    ),
    Risk(
        "ErrorBehavior.DataTruncationErrorPolicy",
        "LOG_ERROR",
        SAFE_POLICIES,
        "a truncated value is written or its row left out, at most with a line in the log",
        _truncates_silently,
    ),
    Risk(
        "ErrorBehavior.DataErrorEscalationPolicy",
        "SUSPEND_TABLE",
        SAFE_POLICIES,
        "rows are left out after more than DataErrorEscalationCount errors too",
    ),
    Risk(
        "ErrorBehavior.TableErrorPolicy",
        "SUSPEND_TABLE",
        SAFE_POLICIES,
        "the task goes on with a table that is in error, and no state shows it",
    ),
    Risk(
        "ErrorBehavior.TableErrorEscalationPolicy",
        "STOP_TASK",
        SAFE_POLICIES,
        "the task goes on with a table after more than TableErrorEscalationCount errors",
    ),
    Risk(
        "ErrorBehavior.EventErrorPolicy",
        "IGNORE",
        ("STOP_TASK",),
        "where an event of the task cannot be sent, the task goes on without the data of the "
        "event; AWS does not say whether rows belong to it",
        is_warning=True,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorEscalationPolicy",
        "LOG_ERROR",
        (*SAFE_POLICIES, "LOG_ERROR"),
        "changes are ignored after more than ApplyErrorEscalationCount errors, without a trace",
        captures,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorDeletePolicy",
        "IGNORE_RECORD",
        (*SAFE_POLICIES, "LOG_ERROR"),
        "a delete that finds no row is ignored without a trace",
        captures,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorInsertPolicy",
        "LOG_ERROR",
        (*SAFE_POLICIES, "LOG_ERROR", "INSERT_RECORD"),
        "an insert that meets an existing row is ignored without a trace",
        captures,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorInsertPolicy",
        "LOG_ERROR",
        (*SAFE_POLICIES, "LOG_ERROR", "IGNORE_RECORD"),
        "an insert overwrites an existing row of the target without a trace",
        captures,
        is_warning=True,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorUpdatePolicy",
        "LOG_ERROR",
        (*SAFE_POLICIES, "LOG_ERROR"),
        "an update that finds no row is ignored, or inserts the row without its large values",
        _inserts_without_lobs,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorFailOnTruncationDdl",
        False,
        (True,),
        "a TRUNCATE on the source is not applied and its rows stay on the target",
        captures,
        is_warning=True,
    ),
    Risk(
        "ErrorBehavior.FullLoadIgnoreConflicts",
        True,
        (False,),
        "changes made during the load that find no row, or an existing one, are ignored without "
        "a trace, and only DATA-ROWS can tell those that matter",
        loads_and_captures,
        is_warning=True,
    ),
    Risk(
        "FullLoadSettings.TargetTablePrepMode",
        "DO_NOTHING",
        ("DO_NOTHING", "TRUNCATE_BEFORE_LOAD"),
        "a load drops the target's table with its defaults, indexes, constraints and grants",
        loads,
    ),
    Risk(
        "FullLoadSettings.TargetTablePrepMode",
        "DO_NOTHING",
        ("DO_NOTHING", "DROP_AND_CREATE"),
        "a repeated load first deletes all rows of the target's table, also those of others",
        loads,
        is_warning=True,
    ),
    Risk(
        "FullLoadSettings.StopTaskCachedChangesNotApplied",
        False,
        (False,),
        "the task stops before it applies the changes made during the load, until it is resumed",
        loads_and_captures,
        is_warning=True,
    ),
    Risk(
        "TargetMetadata.TargetSchema",
        "",
        ("",),
        "all tables go to that schema, in place of the one that the mapping rules say",
    ),
    Risk(
        "TargetMetadata.BatchApplyEnabled",
        False,
        (False,),
        "updates and deletes of tables without a key are not applied",
        _has_keyless,
        tables=lambda workload: workload.keyless_tables,
    ),
    Risk(
        "TargetMetadata.BatchApplyEnabled",
        False,
        (False,),
        "a table with a primary key and another unique index is not supported, and its changes "
        "fail or are reordered",
        _has_several_unique,
        tables=lambda workload: workload.several_unique_tables,
    ),
    Risk(
        "TargetMetadata.BatchApplyEnabled",
        False,
        (False,),
        "large values are supported in limited LOB mode only",
        _batches_full_lobs,
    ),
    Risk(
        "ChangeProcessingDdlHandlingPolicy.HandleSourceTableDropped",
        True,
        (False,),
        "a table that is dropped on the source is dropped on the target",
        captures,
    ),
    Risk(
        "ChangeProcessingDdlHandlingPolicy.HandleSourceTableTruncated",
        True,
        (False,),
        "a table that is truncated on the source is emptied on the target",
        captures,
        is_warning=True,
    ),
    Risk(
        "ChangeProcessingDdlHandlingPolicy.HandleSourceTableAltered",
        True,
        (False,),
        "a table that is altered on the source is altered on the target, after its schema was "
        "compared",
        captures,
        is_warning=True,
    ),
    Risk(
        "ControlTablesSettings.SuspendedTablesTableEnabled",
        False,
        (True,),
        "the target has no record of the tables that DMS suspended, and why",
        is_warning=True,
    ),
    Risk(
        "CharacterSetSettings",
        None,
        (None,),
        "characters of texts are replaced or deleted on the way",
    ),
    Risk(
        "LoopbackPreventionSettings.EnableLoopbackPrevention",
        False,
        (False,),
        "changes that a task of the opposite direction wrote on the source are not moved",
        captures,
    ),
    Risk(
        "ResyncSettings.EnableResync",
        False,
        (False,),
        "DMS writes rows again that its validation found different, and pauses replication for "
        "that; the cause of the difference stays, and its record goes",
        is_warning=True,
    ),
)
