"""Test that each DMS setting that can lose or hide rows fails or warns, where it matters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import botocore.session
import psycopg
import pytest
from movers.test_task_checks import RUNNING
from support.servers import fresh_databases

from pgcutover.awslocal.dms_api.task_settings import DEFAULTS
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms import LobColumn
from pgcutover.movers.dms.open_transactions import OpenTransaction
from pgcutover.movers.dms.settings.harmless_settings import HARMLESS
from pgcutover.movers.dms.settings.risk import SettingProblem
from pgcutover.movers.dms.settings.setting_risks import RISKS, find_unknown
from pgcutover.movers.dms.settings.table_settings import judge_table_settings
from pgcutover.movers.dms.settings.workload import Workload
from pgcutover.movers.dms.task_checks import TaskContext, flatten, judge_task

SAFE = {
    "TargetMetadata": {"BatchApplyEnabled": False, "FullLobMode": False, "LobMaxSize": 64},
    "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"},
    "Logging": {"EnableLogging": True},
    "ControlTablesSettings": {"SuspendedTablesTableEnabled": True},
    "ChangeProcessingDdlHandlingPolicy": {
        "HandleSourceTableDropped": False,
        "HandleSourceTableTruncated": False,
        "HandleSourceTableAltered": False,
    },
    "ValidationSettings": {"EnableValidation": True, "HandleCollationDiff": True},
    "ErrorBehavior": {
        "DataErrorPolicy": "SUSPEND_TABLE",
        "DataTruncationErrorPolicy": "SUSPEND_TABLE",
        "ApplyErrorDeletePolicy": "LOG_ERROR",
        "ApplyErrorFailOnTruncationDdl": True,
        "FullLoadIgnoreConflicts": False,
        "EventErrorPolicy": "STOP_TASK",
    },
    "ResyncSettings": {"EnableResync": False},
    "CharacterSetSettings": None,
    "LoopbackPreventionSettings": None,
}
ENDPOINTS = {
    "source endpoint.FailTasksOnLobTruncation": True,
    "source endpoint.MapBooleanAsBoolean": True,
    "target endpoint.MapBooleanAsBoolean": True,
    "source endpoint.TrimSpaceInChar": False,
    "target endpoint.TrimSpaceInChar": False,
    "source endpoint.CaptureDdls": False,
    "source endpoint.HeartbeatEnable": True,
    "source endpoint.MapUnboundedNumericAsString": True,
    "target endpoint.AfterConnectScript": "SET session_replication_role='replica'",
}
LARGEST = 48 * 1024
EVERYTHING = Workload(
    largest_lob_bytes=LARGEST,
    keyless_tables=("public.log", "public.raw"),
    several_unique_tables=("public.users",),
    text_key_tables=("public.codes",),
    has_booleans=True,
    has_padded_texts=True,
    has_unbounded_numerics=True,
)
NOTHING = Workload()


def check_settings(workload=EVERYTHING, task=RUNNING, **changes):
    """Check a task with safe settings except `section__key=value`; None removes the key."""
    settings = {section: dict(keys or {}) for section, keys in SAFE.items()}
    endpoints = dict(ENDPOINTS)
    for name, value in changes.items():
        section, _, key = name.replace("_endpoint", " endpoint").partition("__")
        if "endpoint" in section:
            endpoints[f"{section}.{key}"] = value
        elif key:
            settings[section][key] = value
        else:
            settings[section] = value
    return judge_task(
        replace(task, settings=settings), TaskContext(workload=workload, endpoints=endpoints)
    )


def test_safe_settings_pass_for_all_tables():
    diff = check_settings()
    assert not diff, diff.report()
    assert "warnings" not in diff.facts


IGNORE, LOG = "IGNORE_RECORD", "LOG_ERROR"
RED = [
    ("Logging__EnableLogging", False, "errors leave no trace; set it to true"),
    ("ValidationSettings__EnableValidation", False, "does not compare the rows"),
    ("ValidationSettings__ValidationOnly", True, "the task moves no row"),
    ("ValidationSettings__SkipLobColumns", True, "skips large values"),
    ("ValidationSettings__ValidationPartialLobSize", 32, "only the beginning of large values"),
    ("ErrorBehavior__DataErrorPolicy", LOG, "left out, at most with a line in the log"),
    ("ErrorBehavior__DataErrorPolicy", IGNORE, "set it to SUSPEND_TABLE or STOP_TASK"),
    ("ErrorBehavior__ApplyErrorDeletePolicy", IGNORE, "ignored without a trace"),
    ("ErrorBehavior__ApplyErrorInsertPolicy", IGNORE, "ignored without a trace"),
    ("ErrorBehavior__ApplyErrorUpdatePolicy", IGNORE, "an update that finds no row is ignored"),
    ("ErrorBehavior__ApplyErrorUpdatePolicy", "UPDATE_RECORD", "without its large values"),
    ("ErrorBehavior__DataErrorEscalationPolicy", LOG, "more than DataErrorEscalationCount errors"),
    ("ErrorBehavior__TableErrorPolicy", LOG, "goes on with a table that is in error"),
    ("ErrorBehavior__TableErrorEscalationPolicy", LOG, "than TableErrorEscalationCount errors"),
    ("ErrorBehavior__ApplyErrorEscalationPolicy", IGNORE, "than ApplyErrorEscalationCount errors"),
    ("FullLoadSettings__TargetTablePrepMode", "DROP_AND_CREATE", "drops the target's table"),
    ("TargetMetadata__TargetSchema", "x", "all tables go to that schema"),
    ("TargetMetadata__BatchApplyEnabled", True, "are not applied (public.log and 1 more)"),
    ("TargetMetadata__BatchApplyEnabled", True, "another unique index is not supported"),
    (
        "ChangeProcessingDdlHandlingPolicy__HandleSourceTableDropped",
        True,
        "dropped on the source is dropped on the target",
    ),
    ("CharacterSetSettings", {"CharacterReplacements": [{}]}, "replaced or deleted"),
    ("LoopbackPreventionSettings__EnableLoopbackPrevention", True, "are not moved"),
    ("source_endpoint__MapBooleanAsBoolean", False, "booleans are moved as varchar(5)"),
    ("target_endpoint__MapBooleanAsBoolean", None, "booleans are moved as varchar(5)"),
]
WARNINGS = [
    ("ValidationSettings__HandleCollationDiff", False, "text keys differently (public.codes)"),
    ("ErrorBehavior__ApplyErrorInsertPolicy", "INSERT_RECORD", "overwrites an existing row"),
    ("ErrorBehavior__ApplyErrorFailOnTruncationDdl", False, "its rows stay on the target"),
    ("ErrorBehavior__FullLoadIgnoreConflicts", True, "are ignored without a trace"),
    ("FullLoadSettings__TargetTablePrepMode", "TRUNCATE_BEFORE_LOAD", "first deletes all rows"),
    ("FullLoadSettings__StopTaskCachedChangesNotApplied", True, "until it is resumed"),
    (
        "ChangeProcessingDdlHandlingPolicy__HandleSourceTableTruncated",
        True,
        "is emptied on the target",
    ),
    (
        "ChangeProcessingDdlHandlingPolicy__HandleSourceTableAltered",
        True,
        "after its schema was compared",
    ),
    ("ControlTablesSettings__SuspendedTablesTableEnabled", False, "that DMS suspended, and why"),
    ("source_endpoint__TrimSpaceInChar", None, "trailing spaces of char(n) are removed"),
    ("target_endpoint__TrimSpaceInChar", True, "trailing spaces of char(n) are removed"),
    ("source_endpoint__CaptureDdls", True, "an event trigger on the source"),
    ("source_endpoint__HeartbeatEnable", None, "the slot keeps the source's WAL"),
    ("source_endpoint__MapUnboundedNumericAsString", False, "moved as numeric(28,6)"),
    ("source_endpoint__MapJsonbAsClob", True, "jsonb is moved as a CLOB"),
    ("source_endpoint__MapLongVarcharAs", "clob", "which long texts that can change"),
    ("source_endpoint__DatabaseMode", "babelfish", "treats the server as Babelfish"),
    ("target_endpoint__DatabaseMode", "babelfish", "treats the server as Babelfish"),
    ("source_endpoint__AfterConnectScript", "set work_mem = 1", "AfterConnectScript is set: DMS"),
    ("target_endpoint__AfterConnectScript", "set search_path = a", "what it reads and writes"),
    ("ErrorBehavior__EventErrorPolicy", None, "AWS does not say whether rows belong to it"),
    ("ValidationSettings__ValidationMode", "GROUP_LEVEL", "need not compare each row"),
    ("ResyncSettings__EnableResync", True, "DMS writes rows again"),
    (
        "Logging__LogComponents",
        [{"Id": "SORTER", "Severity": "LOGGER_SEVERITY_ERROR"}],
        "does not log warnings",
    ),
    ("ErrorBehavior__PolicyOfNextYear", "X", "does not know ErrorBehavior.PolicyOfNextYear;"),
    ("target_endpoint__SettingOfNextYear", "X", "not know target endpoint.SettingOfNextYear;"),
]


@pytest.mark.parametrize(("setting", "value", "says"), RED)
def test_a_setting_that_can_lose_rows_fails(setting, value, says):
    diff = check_settings(**{setting: value})
    assert {f.kind for f in diff.findings()} == {"task-setting"}
    assert says in diff.report()


@pytest.mark.parametrize(("setting", "value", "says"), WARNINGS)
def test_a_setting_that_can_hide_a_fault_is_a_warning(setting, value, says):
    diff = check_settings(**{setting: value})
    assert not diff, diff.report()
    assert any(says in text for text in diff.facts["warnings"])


def test_truncation_that_is_only_logged_fails():
    lax = {"source_endpoint__FailTasksOnLobTruncation": False}
    assert "truncated and the task goes on" in check_settings(**lax).report()
    policy = {"ErrorBehavior__DataTruncationErrorPolicy": LOG}
    assert not check_settings(**policy)
    assert "at most with a line in the log" in check_settings(**policy, **lax).report()
    assert not check_settings(NOTHING, **policy, **lax)


def test_batch_apply_with_full_lob_mode_fails():
    keyed = replace(EVERYTHING, keyless_tables=(), several_unique_tables=())
    batch = {"TargetMetadata__BatchApplyEnabled": True}
    assert not check_settings(keyed, **batch)
    full = {"TargetMetadata__FullLobMode": True}
    assert "in limited LOB mode only" in check_settings(keyed, **batch, **full).report()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ValidationSettings__SkipLobColumns", True),
        ("ValidationSettings__ValidationPartialLobSize", 32),
        ("ValidationSettings__HandleCollationDiff", False),
        ("ErrorBehavior__ApplyErrorUpdatePolicy", "UPDATE_RECORD"),
        ("TargetMetadata__BatchApplyEnabled", True),
        ("source_endpoint__FailTasksOnLobTruncation", False),
        ("source_endpoint__MapBooleanAsBoolean", False),
        ("target_endpoint__TrimSpaceInChar", True),
    ],
)
def test_a_setting_is_not_checked_if_no_table_needs_it(setting, value):
    diff = check_settings(NOTHING, **{setting: value})
    assert not diff, diff.report()
    assert "warnings" not in diff.facts


@pytest.mark.parametrize(
    ("setting", "value", "says"), [r for r in RED + WARNINGS if r[0].startswith("ErrorBehavior__A")]
)
def test_a_full_load_has_no_changes_to_apply(setting, value, says):
    diff = check_settings(replace(EVERYTHING, migration_type="full-load"), **{setting: value})
    assert says not in diff.report()
    assert [w.partition(" ")[0] for w in diff.facts["warnings"]] == ["MigrationType"]


def test_every_checked_setting_has_a_case():
    named = {
        setting.replace("_endpoint__", " endpoint.").replace("__", ".")
        for setting, *_ in RED + WARNINGS
    }
    named |= {
        "ErrorBehavior.DataTruncationErrorPolicy",
        "source endpoint.FailTasksOnLobTruncation",
        "MigrationType",
    }
    named -= {name for name in named if "OfNextYear" in name}
    assert {risk.setting for risk in RISKS} == named


def test_a_task_that_moves_only_rows_or_only_changes_is_a_warning():
    for kind in ("full-load", "cdc"):
        diff = check_settings(replace(EVERYTHING, migration_type=kind))
        assert [w for w in diff.facts["warnings"] if w.startswith(f"MigrationType is {kind}:")]


def test_every_setting_of_dms_is_checked_or_harmless():
    """botocore knows the endpoints' settings, and the local DMS those of the task."""
    service = botocore.session.get_session().get_service_model("dms")
    endpoint = service.shape_for("PostgreSQLSettings").members
    values = {**flatten(DEFAULTS), **{f"source endpoint.{key}": "x" for key in endpoint}}
    values |= {f"target endpoint.{key}": "x" for key in endpoint}
    assert find_unknown(values) == []
    judged_too = HARMLESS.keys() & {risk.setting for risk in RISKS}
    assert not judged_too


PHOTO = LobColumn(RelationName("public", "users"), "photo", LARGEST)


@pytest.mark.parametrize(
    ("lobs", "is_cut"),
    [
        ({"mode": "limited", "bulk-max-size": "32"}, True),
        ({"mode": "limited", "bulk-max-size": "48"}, False),
        ({"mode": "limited"}, True),
        ({"mode": "none"}, False),
        ({"mode": "unlimited"}, False),
        (None, False),
    ],
)
def test_a_tables_own_lob_limit_applies(lobs, is_cut):
    rule = {
        "rule-type": "table-settings",
        "object-locator": {"schema-name": "public", "table-name": "users"},
        "lob-settings": lobs,
    }
    task = replace(RUNNING, mappings={"rules": [rule]})
    diff = judge_task(task, TaskContext([PHOTO], endpoints=ENDPOINTS))
    assert ("lob-limit" in {f.kind for f in diff.findings()}) is is_cut


def test_a_table_with_lob_mode_none_has_the_limit_of_the_task():
    rule = {
        "rule-type": "table-settings",
        "object-locator": {"schema-name": "public", "table-name": "users"},
        "lob-settings": {"mode": "none", "bulk-max-size": "64"},
    }
    settings = {**SAFE, "TargetMetadata": {"LobMaxSize": 32}}
    task = replace(RUNNING, settings=settings, mappings={"rules": [rule]})
    diff = judge_task(task, TaskContext([PHOTO], endpoints=ENDPOINTS))
    assert "has a LOB limit of 32 KB" in diff.report()


SEGMENTS = """
create table public.seg (id int primary key, may_be int, has int);
insert into public.seg values (1, 1, null), (2, 2, 2);
create table public.parts (id int) partition by list (id);
create table public.parts_1 partition of public.parts for values in (1);
create table public.parts_2 partition of public.parts for values in (2);
"""


def loaded(table, **load):
    return {
        "rule-type": "table-settings",
        "rule-id": "7",
        "object-locator": {"schema-name": "public", "table-name": table},
        "parallel-load": load,
    }


def test_rows_omitted_by_a_segmented_load_are_found(pair):
    def judge(table, **load):
        mappings = {"rules": [loaded(table, **load)]}
        found = list(judge_table_settings(source, mappings, tables))
        return [(problem.is_warning, problem.message) for problem in found]

    tables = [
        MappedTable(name, name, (("id", "id"),))
        for name in (RelationName("public", "seg"), RelationName("public", "parts"))
    ]
    with fresh_databases(pair) as fresh, psycopg.connect(fresh.source) as source:
        source.execute(SEGMENTS)
        assert judge("seg", type="ranges", columns=["id"]) == []
        ((is_warning, message),) = judge("seg", type="ranges", columns=["id", "has"])
        assert not is_warning
        assert "public.seg by ranges of has, and DMS leaves out rows with NULL in it" in message
        assert "which rows of the source have" in message
        ((is_warning, message),) = judge("seg", type="ranges", columns=["may_be"])
        assert is_warning
        assert "no row of the source has now" in message
        ((is_warning, message),) = judge("seg", type="ranges", columns=["typo"])
        assert (is_warning, "which the source does not have" in message) == (False, True)
        ((is_warning, message),) = judge("parts", type="partitions-list", partitions=["parts_1"])
        assert (is_warning, "partition parts_2 is not listed" in message) == (False, True)
        assert judge("parts", type="partitions-list", partitions=["parts_1", "parts_2"]) == []
        assert judge("parts", type="partitions-auto") == []
        assert judge("parts", type="none") == []
        ((is_warning, message),) = judge("seg", type="subpartitions-auto")
        assert (is_warning, "'subpartitions-auto'" in message) == (True, True)
        ((is_warning, message),) = judge("s%", type="none")
        assert (is_warning, "public.s%, which the task does not move" in message) == (True, True)


def test_a_rule_that_omits_rows_fails_and_a_possible_one_warns():
    problems = [SettingProblem("public.seg", "a"), SettingProblem("public.seg", "b", True)]
    context = TaskContext(endpoints=ENDPOINTS, table_settings=problems)
    diff = judge_task(replace(RUNNING, settings=SAFE), context)
    assert [(f.object, f.message) for f in diff.findings()] == [("public.seg", "a")]
    assert diff.facts["warnings"] == ["b"]


NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def opened(minutes, kind="transaction of backend", name="77"):
    return OpenTransaction(kind, name, NOW - timedelta(minutes=minutes), NOW)


@pytest.mark.parametrize(
    ("transaction", "load_started", "kind"),
    [
        (opened(30), NOW - timedelta(minutes=20), "open-transaction"),
        (opened(10), NOW - timedelta(minutes=20), None),
        (opened(30), None, "open-transaction"),
        (opened(5), None, None),
        (opened(1, "prepared transaction", "g"), NOW, "prepared-transaction"),
    ],
)
def test_a_transaction_that_the_load_can_miss_fails(transaction, load_started, kind):
    task = replace(RUNNING, settings=SAFE, load_started_at=load_started)
    diff = judge_task(task, TaskContext(endpoints=ENDPOINTS, transactions=[transaction]))
    assert [f.kind for f in diff.findings()] == ([kind] if kind else [])
