"""Test task settings, their comparison with those of DMS, progress lines and error texts."""

import copy

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcutover.errors import MoverError
from pgcutover.mapping import RelationName
from pgcutover.movers.dms import with_lob_limit
from pgcutover.movers.dms.aws_errors import as_mover_error, public_text
from pgcutover.movers.dms.load import LoadMeter
from pgcutover.movers.dms.poll import wait_for
from pgcutover.movers.dms.resources.specs import (
    certificate,
    endpoint,
    endpoint_settings,
    pem_blocks,
    subnet_group,
)
from pgcutover.movers.dms.settings.task_settings import lob_mode, settings_differences
from pgcutover.movers.dms.task_status import TableStatistics, TaskStatus

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

BEHAVIOUR = ["CaptureDdls", "FailTasksOnLobTruncation", "MapBooleanAsBoolean", "TrimSpaceInChar"]


def test_lob_limit_is_written_into_a_copy():
    given_settings = {"TargetMetadata": {"FullLobMode": True, "BatchApplyEnabled": True}}
    before = copy.deepcopy(given_settings)
    limited = with_lob_limit(given_settings, 640)
    assert given_settings == before
    assert limited["TargetMetadata"]["BatchApplyEnabled"] is True
    mode = lob_mode(limited)
    assert (mode.truncates(640 * 1024), mode.truncates(640 * 1024 + 1)) == (False, True)


@pytest.mark.parametrize("kb", [0, -1, 102_401])
def test_lob_limit_outside_what_dms_takes_is_refused(kb):
    with pytest.raises(MoverError, match="102400"):
        with_lob_limit({}, kb)


@pytest.mark.parametrize("document", [None, [], "text"])
def test_task_settings_that_are_no_object_are_refused(document):
    with pytest.raises(MoverError, match="expected a JSON object"):
        with_lob_limit(document, 1)


def test_full_lob_mode_truncates_nothing_and_no_lob_mode_everything():
    assert not lob_mode({"TargetMetadata": {"FullLobMode": True}}).truncates(1 << 40)
    assert lob_mode({"TargetMetadata": {"SupportLobs": False}}).truncates(1)
    assert lob_mode({}).truncates(33 * 1024)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), json_values))
def test_settings_equal_themselves(document):
    assert list(settings_differences(document, document)) == []


def test_settings_added_by_dms_are_no_difference_and_changed_ones_are():
    wanted = {
        "Logging": {
            "EnableLogging": True,
            "CloudWatchLogGroup": None,
            "LogComponents": [{"Id": "IO", "Severity": "LOGGER_SEVERITY_DEFAULT"}],
        }
    }
    answered = copy.deepcopy(wanted) | {"ErrorBehavior": {"DataErrorPolicy": "LOG_ERROR"}}
    answered["Logging"]["CloudWatchLogGroup"] = "dms-tasks-instance"
    answered["Logging"]["LogComponents"].insert(0, {"Id": "SORTER", "Severity": "X"})
    assert list(settings_differences(wanted, answered)) == []

    answered["Logging"]["EnableLogging"] = False
    answered["Logging"]["LogComponents"][1]["Severity"] = "LOGGER_SEVERITY_ERROR"
    changed = [setting for setting, _, _ in settings_differences(wanted, answered)]
    assert changed == ["Logging.EnableLogging", "Logging.LogComponents"]


def test_endpoint_settings_are_found_wherever_dms_shows_them(provisioned):
    wanted = endpoint(provisioned.settings, "source", certificate_arn="arn:c", database="kgc")
    answered = copy.deepcopy(dict(wanted.parameters))
    own = answered["PostgreSQLSettings"]
    secret = own["SecretsManagerSecretId"]
    own["SecretsManagerSecretId"] = (
        f"arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:{secret}-AbC123"
    )
    for key in (
        "CaptureDdls",
        "TrimSpaceInChar",
        "FailTasksOnLobTruncation",
        "MapBooleanAsBoolean",
    ):
        del own[key]
    answered["ExtraConnectionAttributes"] = (
        "captureDDLs=N;trimSpaceInChar=false;failTasksOnLobTruncation=true;mapBooleanAsBoolean=y"
    )
    assert wanted.differences(answered) == ()
    answered["ExtraConnectionAttributes"] += (
        ";heartbeatEnable=true;later=1;insert into p values (1)"
    )
    shown = endpoint_settings(answered)
    assert shown["HeartbeatEnable"] is True
    assert shown["later"] == "1"
    assert not any("insert" in name for name in shown)

    del answered["ExtraConnectionAttributes"]
    silent = [d.setting for d in wanted.differences(answered)]
    assert sorted(silent) == BEHAVIOUR


def test_a_secret_with_a_longer_name_is_another_secret(provisioned):
    wanted = endpoint(provisioned.settings, "target", certificate_arn="arn:c", database="kgc")
    answered = copy.deepcopy(dict(wanted.parameters))
    arn = "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:"
    name = answered["PostgreSQLSettings"]["SecretsManagerSecretId"]
    answered["PostgreSQLSettings"]["SecretsManagerSecretId"] = f"{arn}{name}-old-AbC123"
    assert [d.setting for d in wanted.differences(answered)] == ["SecretsManagerSecretId"]


def test_order_of_subnets_and_layout_of_a_pem_do_not_matter(provisioned):
    wanted = subnet_group(provisioned.settings)
    subnets = [{"SubnetIdentifier": s} for s in reversed(provisioned.settings.subnet_ids)]
    assert wanted.differences({"Subnets": subnets}) == ()
    pem = provisioned.source_server.ca_file.read_text("ascii")
    assert pem_blocks("# comment\n" + pem.replace("\n", "\r\n")) == pem_blocks(pem)
    assert certificate("ca", None).differences({"CertificatePem": pem}) == ()


def test_aws_messages_are_shortened_and_contain_no_password():
    text = (
        'failed: host=db password=hunter2 {"password": "hun ter2", "x": 1} postgres://u:hunter2@h/'
    )
    assert "hun" not in public_text(text + "x" * 5000)
    assert len(public_text("x" * 5000)) == 600
    assert public_text(None) == ""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "grant this action"),
        ("AccessDeniedFault", "grant this action"),
        ("ExpiredTokenException", "renew them"),
        ("UnrecognizedClientException", "renew them"),
        ("ThrottlingException", "continues where it stopped"),
        ("KMSKeyNotAccessibleFault", "AWS answered KMSKeyNotAccessibleFault"),
    ],
)
def test_every_aws_error_is_one_sentence(code, words):
    error = ClientError({"Error": {"Code": code, "Message": "no\nway"}}, "CreateEndpoint")
    message = str(as_mover_error(error, "dms:create_endpoint", "dms"))
    assert words in message
    assert "\n" not in message


def test_progress_shows_speed_remaining_time_and_the_end():
    lines, now = [], [100.0]
    meter = LoadMeter(lines.append, clock=lambda: now[0])
    for seconds, rows, percent in ((0, 0, 0), (1, 500, 5), (10, 5000, 25), (11, 5500, 26)):
        now[0] = 100.0 + seconds
        meter.note(status(percent), [table("Table completed", rows), table("Full load", 0)])
    assert lines == [
        "load: 1 of 2 tables, 0 rows",
        "load: 1 of 2 tables, 5,000 rows, 500 rows/s, 25 %, about 30 s left",
    ]


def test_waiting_ends_and_says_what_for():
    with pytest.raises(MoverError, match=r"load: not done after 0.02 s; .*again"):
        wait_for(lambda: None, what="load", timeout_seconds=0.02, poll_seconds=0.01)


def status(percent: int) -> TaskStatus:
    return TaskStatus("t", "arn:t", "running", "", "", {}, percent, 0, 0, 0, 0, None, None)


def table(state: str, rows: int) -> TableStatistics:
    name = RelationName("public", "t")
    return TableStatistics(name, state, rows, 0, (0, 0, 0), (0, 0, 0), "", 0, 0, 0)
