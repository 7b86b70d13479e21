"""Test the DMS documents: they map KGC's tables as intended and hide no errors."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.kgc import MOVED, SCRIPTS
from support.servers import Pair

from pgcutover.awslocal.dms_api.task_settings import parse as settings_of_local_dms
from pgcutover.mapping import RelationName, parse_rules
from pgcutover.setup.demo.tables import TABLES

DMS = SCRIPTS.parent / "dms"


@pytest.fixture(scope="module")
def settings() -> Any:
    return json.loads((DMS / "task-settings.json").read_text())


def test_the_mappings_move_the_five_tables_and_keep_the_others(
    pair: Pair, kgc_template: str
) -> None:
    query = """
        select table_name, array_agg(column_name::text) from information_schema.columns
        where table_schema = 'public' and table_name in
            (select tablename from pg_tables where schemaname = 'public') group by 1
    """
    with psycopg.connect(pair.source.dsn(kgc_template)) as conn:
        tables = {RelationName("public", t): c for t, c in conn.execute(query).fetchall()}
    rules = parse_rules(
        json.loads((DMS / "table-mappings.json").read_text()), "table-mappings.json"
    )
    moved = {str(t.source): str(t.target) for t in rules.resolve(tables)}
    expected = {t.name: MOVED.get(t.name, "public") for t in TABLES} | {
        "pgcutover_marker": "public"
    }
    assert moved == {f"public.{name}": f"{schema}.{name}" for name, schema in expected.items()}


def test_what_dms_keeps_on_the_source_is_not_migrated() -> None:
    rules = parse_rules(
        json.loads((DMS / "table-mappings.json").read_text()), "table-mappings.json"
    )
    assert not rules.selects(RelationName("public", "awsdms_ddl_audit"))


def test_the_target_is_never_prepared_by_dms(settings: Any) -> None:
    assert settings["FullLoadSettings"]["TargetTablePrepMode"] == "DO_NOTHING"
    assert settings["FullLoadSettings"]["CreatePkAfterFullLoad"] is False
    assert set(settings["ChangeProcessingDdlHandlingPolicy"].values()) == {False}


def test_the_task_waits_for_the_post_load_scripts(settings: Any) -> None:
    assert settings["FullLoadSettings"]["StopTaskCachedChangesApplied"] is True
    assert settings["FullLoadSettings"]["StopTaskCachedChangesNotApplied"] is False


def test_large_columns_are_limited_validated_and_never_dropped_quietly(settings: Any) -> None:
    lobs = settings["TargetMetadata"]
    assert (lobs["SupportLobs"], lobs["LimitedSizeLobMode"], lobs["FullLobMode"]) == (
        True,
        True,
        False,
    )
    assert settings["ValidationSettings"]["EnableValidation"] is True
    assert settings["ValidationSettings"]["SkipLobColumns"] is False
    assert settings["ValidationSettings"]["ValidationPartialLobSize"] == 0
    assert settings["ErrorBehavior"]["DataErrorPolicy"] == "SUSPEND_TABLE"


def test_the_local_dms_takes_them_as_they_are(settings: Any) -> None:
    assert settings_of_local_dms(json.dumps(settings)).document["Logging"]["EnableLogging"] is True


def test_logs_go_to_cloudwatch_without_a_name_that_create_refuses(settings: Any) -> None:
    assert settings["Logging"]["EnableLogging"] is True
    assert not {"CloudWatchLogGroup", "CloudWatchLogStream"} & set(settings["Logging"])


@pytest.mark.parametrize("path", sorted(DMS.iterdir()), ids=lambda p: p.name)
def test_no_document_holds_a_secret(path: Path) -> None:
    text = path.read_text().lower()
    assert not [word for word in ("password", "arn:aws", "secret", "amazonaws") if word in text]
