"""The stage after: each fault turns exactly its own check red, and a clean pair none."""

import json
import re
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from cutover.conftest import aws  # noqa: F401 - a fixture
from psycopg.conninfo import make_conninfo
from support.moved import CLIENT, TABLES, Moved

from pgcutover.after import AfterChecker
from pgcutover.after.cloudwatch import CloudWatch
from pgcutover.config import After, Hook, load_settings
from pgcutover.connect import open_side, open_writer
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.resolver import Side, State
from pgcutover.errors import PgCutoverError, UnreadableError
from pgcutover.freeze import create_fence, read_relations
from pgcutover.movers.dms.client import Api

OPENED = State(writer=Side.TARGET, pointer=Side.TARGET, exposed=True, standby_fenced=True)
CHECKS = ("fence", "stragglers", "jobs", "sequences", "statistics", "inserts")
MIGRATION = """
name = "kgc"
table_mappings = "mapping.json"
[source]
dsn_env = "S"
[target]
dsn_env = "T"
[after]
try_inserts = true
"""
JOB = """
create schema cron;
create table cron.job (schedule text, command text, database text, active boolean, jobname text);
insert into cron.job values ('@daily', 'select 1', current_database(), true, 'nightly');
"""


@pytest.fixture
def opened(moved: Moved, tmp_path: Path) -> AfterChecker:
    """A target that is open, and a source behind its fence."""
    (tmp_path / "migration.toml").write_text(MIGRATION)
    (tmp_path / "mapping.json").write_text(json.dumps({"rules": []}))
    dsns = {Side.SOURCE: moved.databases.source, Side.TARGET: moved.databases.target}
    with open_writer(dsns[Side.SOURCE]) as owner:
        create_fence(owner, read_relations(owner, [t.source for t in TABLES]))
    moved.change("target", "insert into public.visits select; analyze public.visits")
    return AfterChecker(
        load_settings(tmp_path / "migration.toml"),
        OPENED,
        {side: partial(open_side, side.value, dsn) for side, dsn in dsns.items()},
        TABLES,
        moved.checker.places,
        lambda: [CLIENT],
    )


def red(checker: AfterChecker) -> dict[str, str]:
    """The checks that are not green, and what they say."""
    found: dict[str, str] = {}
    for name in CHECKS:
        try:
            diff = getattr(checker, name)()
        except PgCutoverError as error:
            found[name] = f"UNKNOWN {error}"
        else:
            found |= {name: diff.report()} if diff else {}
    return found


# a change of a side, the one that takes it back, what turns red, and what that says
FAULTS = [
    ("source", "alter table public.audit disable trigger pgcutover_fence",
     "alter table public.audit enable trigger pgcutover_fence",
     {"fence": "public.audit of the source accepts writes"}),
    ("source", JOB, "drop schema cron cascade",
     {"jobs": "job nightly is enabled on the source, which is closed"}),
    ("target", "select setval('auth.users_id_seq', 3)", "select setval('auth.users_id_seq', 50000)",
     {"sequences": "auth.users", "inserts": r"auth.users: an insert of clients on .*23505"}),
    ("target", "create table public.late as select 1 as id", "drop table public.late",
     {"statistics": "public.late of the target holds rows and has no statistics"}),
    ("target", "create function public.t() returns trigger language plpgsql as"
     " 'begin perform no_such(); end'; create trigger t before insert on public.visits"
     " for each row execute function public.t()", "drop trigger t on public.visits",
     {"inserts": r"public.visits: an insert of clients on the target fails: .*42883"}),
]  # fmt: skip


def test_every_fault_turns_its_own_check_red(opened: AfterChecker, moved: Moved) -> None:
    assert red(opened) == {}
    # the copied e-mail is refused by its own unique constraint, after triggers and checks
    assert opened.inserts().facts == {"tables": 2, "empty": 0}
    for side, change, undo, expected in FAULTS:
        moved.change(side, change)
        found = red(opened)
        assert found.keys() == expected.keys(), (change, found)
        assert all(re.search(said, found[name]) for name, said in expected.items()), found
        moved.change(side, undo)
    client = make_conninfo(moved.databases.source, user=CLIENT, password="client")
    with psycopg.connect(client):
        assert "1 session of role smoke_client is still connected" in red(opened)["stragglers"]
    with psycopg.connect(moved.databases.target) as connection:
        assert connection.execute("select count(*) from auth.users").fetchone() == (20000,)
    assert red(opened) == {}


def test_without_an_opening_nothing_is_known(opened: AfterChecker) -> None:
    for state in (State(), replace(OPENED, writer_fenced=True)):
        found = red(replace(opened, state=state))
        assert found.keys() == {*CHECKS}
        assert all("no side that a cutover has opened" in said for said in found.values())
    assert "freeze.application_roles" in red(replace(opened, roles=list))["stragglers"]


def test_errors_in_the_applications_logs_turn_the_check_red(
    opened: AfterChecker, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text("signed in\n")
    hook = Hook(command=("sh", "-c", f"! grep -q ERROR '{log}'"))
    runner = HookRunner("kgc", tmp_path)
    checker = replace(opened, look_for_errors=lambda side: runner.run("errors", hook, side))
    assert not checker.logs()
    log.write_text("signed in\nERROR: relation users does not exist\n")
    assert "found errors in the logs of the application" in checker.logs().report()
    with pytest.raises(PgCutoverError, match=r"cutover\.hooks\.errors is not set"):
        opened.logs()


# the server's own statistics need shared_preload_libraries; a table in place of the view does not
STATEMENTS = """
create schema stats;
create extension pg_stat_statements schema stats;
alter extension pg_stat_statements drop view stats.pg_stat_statements;
drop view stats.pg_stat_statements;
create table stats.pg_stat_statements (dbid oid, userid oid, queryid bigint, query text,
    calls bigint, mean_exec_time float8, total_exec_time float8);
insert into stats.pg_stat_statements
select d.oid, r.oid, {number}, 'select * from users {space} where email = $1', 100, {mean}, {mean}
from pg_database d, pg_roles r where d.datname = current_database() and r.rolname = 'smoke_client'
"""


def test_queries_of_pg_stat_statements(opened: AfterChecker, moved: Moved) -> None:
    settings = replace(opened.settings, after=After(slow_query_factor=3))
    checker = replace(opened, settings=settings)
    with pytest.raises(UnreadableError, match="pg_stat_statements is not in the database"):
        checker.queries()
    moved.change("source", STATEMENTS.format(number=1, space=" ", mean=10))
    moved.change("target", STATEMENTS.format(number=2, space="", mean=29))
    assert (bool(checker.queries()), checker.queries().facts) == (False, {"compared": 1})
    moved.change("target", "update stats.pg_stat_statements set mean_exec_time = 31")
    assert "queryid 2 takes 31.0 ms on average on the target, 10.0 ms" in checker.queries().report()
    moved.change("target", "update stats.pg_stat_statements set calls = 1")
    with pytest.raises(UnreadableError, match="no query of both sides"):
        checker.queries()
    with moved.begun(queries=None) as smoke:
        assert smoke.plans().facts == {"queries": 1, "compared": 1}


METRICS = {"CPUUtilization": 10, "DatabaseConnections": 5, "FreeStorageSpace": 5e10,
           "ReadLatency": 0.001, "WriteLatency": 0.001}  # fmt: skip


def test_metrics_and_logs_of_aws(aws: Api) -> None:  # noqa: F811
    settings = After(region="ap-southeast-2", rds_instance="kgc", log_group="/kgc/app")
    watch = CloudWatch(aws, settings)
    with pytest.raises(UnreadableError, match="no values of the last 10 minutes of CPUUtilization"):
        [*watch.metric_findings(100)]
    with pytest.raises(UnreadableError, match="logs:filter_log_events"):
        [*watch.log_findings()]
    put = partial(put_metric, aws)
    for name, value in METRICS.items():
        put(name, value)
    assert [*watch.metric_findings(100)] == []
    for name, value, said in (
        ("CPUUtilization", 99, "kgc: CPUUtilization is 99.0 %; expected at most 80"),
        ("DatabaseConnections", 81, "kgc: DatabaseConnections is 81.0 connections; expected at"),
        ("FreeStorageSpace", 1e9, "kgc: FreeStorageSpace is 1000 MB; expected at least 10240"),
        ("WriteLatency", 0.05, "kgc: WriteLatency is 50.0 ms; expected at most 20"),
    ):
        other = CloudWatch(aws, replace(settings, rds_instance=f"kgc-{name}"))
        for each, usual in METRICS.items():
            put(each, value if each == name else usual, f"kgc-{name}")
        (found,) = other.metric_findings(100)
        assert found.message.startswith(said.replace("kgc:", f"kgc-{name}:"))
    aws.call("logs", "create_log_group", logGroupName="/kgc/app")
    aws.call("logs", "create_log_stream", logGroupName="/kgc/app", logStreamName="web")
    assert [*watch.log_findings()] == []
    event = {"timestamp": int(time.time() * 1000), "message": "ERROR secret of a patient"}
    aws.call("logs", "put_log_events", logGroupName="/kgc/app", logStreamName="web",
             logEvents=[event])  # fmt: skip
    (found,) = watch.log_findings()
    assert "/kgc/app: 1 event of the last 5 minutes match" in found.message
    assert "patient" not in found.message


def put_metric(aws: Api, name: str, value: float, instance: str = "kgc") -> None:  # noqa: F811
    dimension = {"Name": "DBInstanceIdentifier", "Value": instance}
    datum = {"MetricName": name, "Dimensions": [dimension], "Value": value}
    aws.call("cloudwatch", "put_metric_data", Namespace="AWS/RDS", MetricData=[datum])
