"""Test the checks that the target can accept the application's writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from compare.lab import Lab, rule, run
from psycopg import sql
from support.servers import TARGET_MAJOR, Pair
from support.standby import standby_of

from pgcutover.catalog import read_manifest
from pgcutover.config.differences import DeclaredDifference
from pgcutover.config.policy import Policy
from pgcutover.connect import open_session
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.mapping import parse_rules
from pgcutover.readiness.checker import ReadinessChecker
from pgcutover.readiness.encryption import rules_without_encryption
from pgcutover.readiness.writers import MoverRole

SUBSCRIPTION = (
    "create subscription writer connection 'host=localhost' publication p"
    " with (connect = false, slot_name = none, enabled = false)",
    # enabled without a slot, so that no worker starts
    "update pg_subscription set subenabled = true",
)
TABLE = "create table public.t (id int primary key)"
JOURNAL = ("create schema pgcutover", "create table pgcutover.journal (phase text)")


def checker(lab: Lab, **options: object) -> ReadinessChecker:
    return ReadinessChecker(lab.source, lab.target, lab.manifest(), **options)


def test_a_read_only_target_database_fails(lab: Lab) -> None:
    with psycopg.connect(lab.target, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        connection.execute(
            sql.SQL("alter database {} set default_transaction_read_only to true").format(database)
        )
    results = lab.judge("readiness")
    assert results.red.keys() == {"READY-WRITABLE[*]"}
    assert "reset default_transaction_read_only" in results.text


def test_a_read_only_target_server_fails(pair: Pair, lab: Lab) -> None:
    run(pair.target.dsn(), "alter system set default_transaction_read_only to on", autocommit=True)
    try:
        run(pair.target.dsn(), "select pg_reload_conf()")
        red = lab.judge("readiness").red
    finally:
        with psycopg.connect(pair.target.dsn(), autocommit=True) as connection:
            connection.execute("set transaction_read_only to off")
            connection.execute("alter system reset default_transaction_read_only")
            connection.execute("select pg_reload_conf()")
    assert red.keys() == {"READY-WRITABLE[*]"}
    assert "alter system reset" in red["READY-WRITABLE[*]"]


def plain_checker(source: str, target: str) -> ReadinessChecker:
    """The checks of two databases whose mapping moves no table."""
    with open_session(source) as one, open_session(target) as other:
        rules = parse_rules({"rules": [rule(1, "selection", "include", "public", "%")]}, "test")
        return ReadinessChecker(source, target, read_manifest(one, other, rules))


@pytest.fixture(scope="module")
def primary() -> Iterator[RunningServer]:
    with servers([ServerSpec("primary", TARGET_MAJOR)], progress=lambda _: None) as running:
        run(running["primary"].dsn(), TABLE)
        yield running["primary"]


def test_a_target_in_recovery_fails(primary: RunningServer, fresh_database) -> None:
    source = fresh_database("source")
    run(source, TABLE)
    with standby_of(primary) as standby:
        ready = plain_checker(source, standby.dsn())
        assert [f.kind for f in ready.writable().findings()] == ["target is read only"]
        assert "the target is in recovery" in ready.writable().report()
        for other in (ready.distinct(), ready.direction(), ready.subscriptions(), ready.tls()):
            assert not other, other.report()
        ready.readable(ready.manifest.tables[0])
        # a standby is the database of its primary, whichever of them is the target
        assert plain_checker(primary.dsn(), standby.dsn()).distinct()
        assert plain_checker(standby.dsn(), primary.dsn()).distinct()
        assert not plain_checker(standby.dsn(), source).writable()


def test_a_source_newer_than_its_target_is_a_warning(fresh_database) -> None:
    older, newer = fresh_database("source"), fresh_database("target")
    for dsn in (older, newer):
        run(dsn, TABLE)
    assert "warnings" not in plain_checker(older, newer).direction().facts
    diff = plain_checker(newer, older).direction()
    assert not diff
    (warning,) = diff.facts["warnings"]
    assert "the source is PostgreSQL 17, newer than the target, which is 15" in warning


def test_control_tables_of_dms_on_the_source_alone_are_a_warning(fresh_database) -> None:
    source, target = fresh_database("source"), fresh_database("target")
    for dsn in (source, target):
        run(dsn, TABLE)
    run(source, "create table public.awsdms_ddl_audit (c_key int)")
    assert "warnings" not in plain_checker(source, target).direction().facts
    control = 'create table public."awsdms_apply_exceptions" ("TASK_NAME" text)'
    run(source, control)
    diff = plain_checker(source, target).direction()
    assert not diff
    (warning,) = diff.facts["warnings"]
    assert "public.awsdms_apply_exceptions" in warning
    assert "check that the DSNs are not swapped" in warning
    run(target, control)
    assert "warnings" not in plain_checker(source, target).direction().facts


def test_an_undeclared_subscription_fails(lab: Lab) -> None:
    try:
        run(lab.target, *SUBSCRIPTION, autocommit=True)
        results = lab.judge("readiness")
        mover = DeclaredDifference("subscription", "writer", "added", "it is our mover")
        declared = checker(lab, declared=(mover,)).subscriptions()
    finally:
        run(lab.target, "alter subscription writer disable", "drop subscription writer")
    assert results.red.keys() == {"READY-SUBSCRIPTIONS[*]"}
    assert "alter subscription writer disable" in results.text
    assert not declared


def test_a_disabled_subscription_passes(lab: Lab) -> None:
    run(lab.target, SUBSCRIPTION[0], autocommit=True)
    results = lab.judge("readiness")
    run(lab.target, "drop subscription writer")
    assert results.red == {}


def test_swapped_sides_fail(own_lab: Lab) -> None:
    run(own_lab.source, *JOURNAL)
    results = own_lab.judge("readiness")
    assert results.red.keys() == {"READY-DIRECTION[*]"}
    run(own_lab.target, *JOURNAL)
    assert own_lab.judge("readiness").red == {}


@contextmanager
def prepend_hba_rules(dsn: str, *rules: str) -> Iterator[None]:
    """Insert rules at the top of the server's pg_hba.conf."""
    with psycopg.connect(dsn) as connection:
        ((name,),) = connection.execute("show hba_file").fetchall()
    path = Path(name)
    kept = path.read_text()
    try:
        path.write_text("\n".join([*rules, kept]))
        run(dsn, "select pg_reload_conf()")
        yield
    finally:
        path.write_text(kept)
        run(dsn, "select pg_reload_conf()")


def test_a_target_that_accepts_unencrypted_connections_fails(pair: Pair, lab: Lab) -> None:
    with prepend_hba_rules(pair.target.dsn(), "host all all 127.0.0.1/32 scram-sha-256"):
        results = lab.judge("readiness")
        accepted = checker(lab, policy=Policy(unencrypted_connections="a private network"))
        diff = accepted.encrypted()
    assert results.red.keys() == {"READY-ENCRYPTED[*]"}
    assert {f.kind for f in results.findings} == {"policy not met"}
    assert not diff
    assert "accepted: a private network" in str(diff.facts)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (("host all all 10.0.0.0/8 md5",), ("line 1 (host all all 10.0.0.0)",)),
        (("hostnossl app all ::/0 md5",), ("line 1 (hostnossl app all ::)",)),
        (("hostnossl all all all reject", "host all all 10.0.0.0/8 md5"), ()),
        (("hostnossl all all 0.0.0.0/0 reject", "host all all 10.0.0.0/8 md5"), ()),
        (("hostnossl all all ::/0 reject", "host all all 10.0.0.0/8 md5"), ("line 2",)),
        (("hostnossl all bob all reject", "host all all 10.0.0.0/8 md5"), ("line 2",)),
        (("hostssl all all 10.0.0.0/8 md5", "host all all ::1/128 md5", "local all all md5"), ()),
    ],
)
def test_pg_hba_rules_for_other_addresses_are_read(pair: Pair, rules, found) -> None:
    dsn = pair.target.dsn()
    with prepend_hba_rules(dsn, *rules), open_session(dsn) as target:
        accepting = rules_without_encryption(target)
    assert len(accepting) == len(found)
    assert all(line.startswith(expected) for line, expected in zip(accepting, found, strict=True))


def test_a_weak_sslmode_can_be_accepted(lab: Lab) -> None:
    lab.target = lab.target.replace("sslmode=verify-full", "sslmode=require")
    results = lab.judge("readiness")
    assert results.red.keys() == {"READY-TLS[*]"}
    assert "[policy] unverified_tls" in results.text
    accepted = checker(lab, policy=Policy(unverified_tls="a tunnel")).tls()
    assert not accepted
    assert "accepted: a tunnel" in str(accepted.facts)


@contextmanager
def writing(dsn: str, role: str, statement: str) -> Iterator[None]:
    """Yield a session of the role with an uncommitted write, and an idle one."""
    role_dsn = psycopg.conninfo.make_conninfo(dsn, user=role, password="secret-7431")
    with psycopg.connect(role_dsn) as writer, psycopg.connect(role_dsn):
        writer.execute(statement.encode())
        yield
        writer.rollback()


@pytest.fixture
def app_role(pair: Pair, lab: Lab) -> Iterator[str]:
    """A login role on both servers that may write to the lab's tables."""
    name = f"app_{lab.manifest().source.database[-8:]}"
    sides = ((pair.source, lab.source, "app"), (pair.target, lab.target, "core"))
    for server, dsn, schema in sides:
        run(server.dsn(), f"create role {name} login password 'secret-7431'")
        run(dsn, f"grant usage on schema {schema} to {name}")
        run(dsn, f"grant all on all tables in schema {schema} to {name}")
    yield name
    for server, dsn, _ in sides:
        run(dsn, f"drop owned by {name}")
        run(server.dsn(), f"drop role {name}")


def test_a_writer_on_the_target_other_than_the_mover_fails(lab: Lab, app_role: str) -> None:
    def judge(mover: MoverRole):
        return checker(lab, mover=mover).writers()

    with writing(lab.target, app_role, "update core.kv set v = v"):
        found = judge(MoverRole())
        assert [f.object for f in found.findings()] == [app_role]
        assert f"role {app_role} is writing to core.kv on the target" in found.report()
        assert judge(MoverRole(exists=True, name="dms"))
        assert not judge(MoverRole(exists=True, name=app_role))
        assert not judge(MoverRole(exists=True)), "one role writes: it may be the mover"
        with psycopg.connect(lab.target) as another:
            another.execute("update core.kv set v = v where false")
            assert len(judge(MoverRole(exists=True)).findings()) == 2
            another.rollback()


def test_a_writer_on_a_source_without_a_mover_fails(lab: Lab, app_role: str) -> None:
    with writing(lab.source, app_role, "update app.kv set v = v"):
        found = checker(lab).writers()
        assert f"role {app_role} is writing to app.kv on the source" in found.report()
        assert not checker(lab, mover=MoverRole(exists=True)).writers()


def test_other_sessions_are_warnings(lab: Lab, app_role: str) -> None:
    with writing(lab.target, app_role, "select * from core.kv"):
        diff = checker(lab).writers()
        known = checker(lab, mover=MoverRole(exists=True, name=app_role)).writers()
    assert not diff
    assert f"role {app_role} has 2 sessions on the target" in str(diff.facts["warnings"])
    assert "warnings" not in known.facts
