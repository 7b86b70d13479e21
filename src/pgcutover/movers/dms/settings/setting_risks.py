"""The settings of a task and its endpoints by which AWS DMS can lose or hide rows.

From the DMS user guide: "Task settings", "Error handling task settings", "Data validation task
settings", "Using a PostgreSQL database as an AWS DMS source". LOG_ERROR is accepted for apply
errors, because each leaves a row in awsdms_apply_exceptions, which DMS-EXCEPTIONS reports; for data
errors it leaves a line in the task's log only.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pgcutover.movers.dms.settings.workload import Workload

SOURCE, TARGET = "source endpoint", "target endpoint"
Values = Mapping[str, object]
Matters = Callable[[Workload, Values], bool]
_SAFE = ("SUSPEND_TABLE", "STOP_TASK")


@dataclass(frozen=True, slots=True)
class Risk:
    """A setting, the values that are safe, and the consequence of any other.

    `matters` tells for which tables and other settings; `tables` names the ones concerned.
    """

    setting: str
    default: object
    safe: tuple[object, ...]
    consequence: str
    matters: Matters = lambda workload, values: True
    is_warning: bool = False
    tables: Callable[[Workload], tuple[str, ...]] = field(default=lambda workload: ())

    def message(self, value: object, workload: Workload) -> str:
        """Return setting, found, consequence, expected and remedy."""
        expected = " or ".join(_shown(each) for each in self.safe)
        tables = self.tables(workload)
        more = f" and {len(tables) - 1} more" if len(tables) > 1 else ""
        about = f" ({tables[0]}{more})" if tables else ""
        return f"{self.setting} is {_shown(value)}: {self.consequence}{about}; set it to {expected}"


def find_risks(values: Values, workload: Workload) -> Iterator[tuple[Risk, object]]:
    """Yield each risk that matters, with the value found; DMS's default where none is set."""
    for risk in RISKS:
        value = values.get(risk.setting)
        value = risk.default if value is None else value
        if value not in risk.safe and risk.matters(workload, values):
            yield risk, value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "empty" if value in ("", None) else str(value)


def _loads(workload: Workload, values: Values) -> bool:
    return workload.migration_type != "cdc"


def _captures(workload: Workload, values: Values) -> bool:
    return workload.migration_type != "full-load"


def _loads_and_captures(workload: Workload, values: Values) -> bool:
    return _loads(workload, values) and _captures(workload, values)


def _has_lobs(workload: Workload, values: Values) -> bool:
    return workload.largest_lob_bytes is not None


def _truncates_lobs(workload: Workload, values: Values) -> bool:
    return _has_lobs(workload, values) and not values.get("TargetMetadata.FullLobMode")


def _truncates_silently(workload: Workload, values: Values) -> bool:
    fails = values.get(f"{SOURCE}.FailTasksOnLobTruncation")
    return _truncates_lobs(workload, values) and not fails


def _has_keyless(workload: Workload, values: Values) -> bool:
    return _captures(workload, values) and bool(workload.keyless_tables)


def _has_several_unique(workload: Workload, values: Values) -> bool:
    return _captures(workload, values) and bool(workload.several_unique_tables)


def _batches_full_lobs(workload: Workload, values: Values) -> bool:
    full = bool(values.get("TargetMetadata.FullLobMode"))
    return full and _captures(workload, values) and _has_lobs(workload, values)


def _validates_lobs_in_part(workload: Workload, values: Values) -> bool:
    kilobytes = values.get("ValidationSettings.ValidationPartialLobSize")
    largest = workload.largest_lob_bytes or 0
    return isinstance(kilobytes, int) and largest > kilobytes * 1024


def _inserts_without_lobs(workload: Workload, values: Values) -> bool:
    updates = values.get("ErrorBehavior.ApplyErrorUpdatePolicy") == "UPDATE_RECORD"
    return _captures(workload, values) and (not updates or _has_lobs(workload, values))


RISKS = (
    Risk("Logging.EnableLogging", False, (True,), "errors leave no trace"),
    Risk(
        "ValidationSettings.EnableValidation",
        False,
        (True,),
        "DMS does not compare the rows that it wrote",
    ),
    Risk("ValidationSettings.ValidationOnly", False, (False,), "the task moves no row"),
    Risk(
        "ValidationSettings.SkipLobColumns",
        False,
        (False,),
        "the validation of DMS skips large values",
        _has_lobs,
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
        _SAFE,
        "a row that cannot be converted or written is left out, at most with a line in the log",
    ),
    Risk(
        "ErrorBehavior.DataTruncationErrorPolicy",
        "LOG_ERROR",
        _SAFE,
        "a truncated value is written or its row left out, at most with a line in the log",
        _truncates_silently,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorDeletePolicy",
        "IGNORE_RECORD",
        (*_SAFE, "LOG_ERROR"),
        "a delete that finds no row is ignored without a trace",
        _captures,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorInsertPolicy",
        "LOG_ERROR",
        (*_SAFE, "LOG_ERROR", "INSERT_RECORD"),
        "an insert that meets an existing row is ignored without a trace",
        _captures,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorInsertPolicy",
        "LOG_ERROR",
        (*_SAFE, "LOG_ERROR", "IGNORE_RECORD"),
        "an insert overwrites an existing row of the target without a trace",
        _captures,
        is_warning=True,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorUpdatePolicy",
        "LOG_ERROR",
        (*_SAFE, "LOG_ERROR"),
        "an update that finds no row is ignored, or inserts the row without its large values",
        _inserts_without_lobs,
    ),
    Risk(
        "ErrorBehavior.ApplyErrorFailOnTruncationDdl",
        False,
        (True,),
        "a TRUNCATE on the source is not applied and its rows stay on the target",
        _captures,
        is_warning=True,
    ),
    Risk(
        "ErrorBehavior.FullLoadIgnoreConflicts",
        True,
        (False,),
        "changes made during the load that find no row, or an existing one, are ignored without "
        "a trace, and only DATA-ROWS can tell those that matter",
        _loads_and_captures,
        is_warning=True,
    ),
    Risk(
        "FullLoadSettings.TargetTablePrepMode",
        "DO_NOTHING",
        ("DO_NOTHING", "TRUNCATE_BEFORE_LOAD"),
        "a load drops the target's table with its defaults, indexes, constraints and grants",
        _loads,
    ),
    Risk(
        "FullLoadSettings.TargetTablePrepMode",
        "DO_NOTHING",
        ("DO_NOTHING", "DROP_AND_CREATE"),
        "a repeated load first deletes all rows of the target's table, also those of others",
        _loads,
        is_warning=True,
    ),
    Risk(
        "FullLoadSettings.StopTaskCachedChangesNotApplied",
        False,
        (False,),
        "the task stops before it applies the changes made during the load, until it is resumed",
        _loads_and_captures,
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
        _captures,
    ),
    Risk(
        "ChangeProcessingDdlHandlingPolicy.HandleSourceTableTruncated",
        True,
        (False,),
        "a table that is truncated on the source is emptied on the target",
        _captures,
        is_warning=True,
    ),
    Risk(
        "ChangeProcessingDdlHandlingPolicy.HandleSourceTableAltered",
        True,
        (False,),
        "a table that is altered on the source is altered on the target, after its schema was "
        "compared",
        _captures,
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
        _captures,
    ),
    Risk(
        f"{SOURCE}.FailTasksOnLobTruncation",
        False,
        (True,),
        "a value above the LOB limit is truncated and the task goes on",
        _truncates_lobs,
    ),
    *(
        Risk(
            f"{side}.MapBooleanAsBoolean",
            False,
            (True,),
            "booleans are moved as varchar(5)",
            lambda workload, values: workload.has_booleans,
        )
        for side in (SOURCE, TARGET)
    ),
    *(
        Risk(
            f"{side}.TrimSpaceInChar",
            True,
            (False,),
            "trailing spaces of char(n) are removed",
            lambda workload, values: workload.has_padded_texts,
            is_warning=True,
        )
        for side in (SOURCE, TARGET)
    ),
    Risk(
        f"{SOURCE}.CaptureDdls",
        True,
        (False,),
        "DMS creates a table and an event trigger on the source; they stay after the cutover",
        _captures,
        is_warning=True,
    ),
)
