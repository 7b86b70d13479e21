"""Test the readiness checks of both servers, and of the tables that AWS DMS can carry."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from compare.lab import Lab, run
from psycopg.conninfo import make_conninfo
from support.pgbouncer import pgbouncer
from support.servers import Pair

from pgcutover.connect.side_sessions import SideSessions
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.readiness.checker import ReadinessChecker
from pgcutover.readiness.decoding import Capture
from pgcutover.readiness.servers.clocks import ClockSample, judge_clocks, sample_clock
from pgcutover.readiness.writers import MoverRole
from pgcutover.sides import Sides


def checker(lab: Lab, **options: object) -> ReadinessChecker:
    return ReadinessChecker(lab.source, lab.target, lab.manifest(), **options)


def warnings(diff) -> str:
    return "\n".join(diff.facts.get("warnings", ()))


@pytest.mark.parametrize(
    ("ahead_seconds", "error_seconds", "fails", "says"),
    [
        (0.9, 0.0, False, ""),
        (-0.9, 0.0, False, ""),
        (2.0, 1.5, False, ""),  # a slow network proves nothing
        (2.0, 0.1, False, "1.9 s ahead of the source's"),
        (-90.0, 0.1, True, "89.9 s behind the source's"),
    ],
)
def test_clocks_that_certainly_differ_are_told(ahead_seconds, error_seconds, fails, says) -> None:
    source, target = ClockSample(5.0, 0.0), ClockSample(5.0 + ahead_seconds, error_seconds)
    diff = judge_clocks(Sides(source, target)).diff()
    assert bool(diff) is fails
    messages = diff.report() if fails else warnings(diff)
    assert says in messages
    assert bool(messages) is bool(says)


def test_one_clock_agrees_with_itself(lab: Lab) -> None:
    with SideSessions(lab.source, lab.target) as sessions:
        with sessions.use("source") as source, sessions.use("target") as target:
            clocks = Sides(source, target).map(sample_clock)
        found = judge_clocks(clocks)
        assert abs(found.facts["clock_skew_seconds"]) <= 0.001 + sum(
            c.error_seconds for c in clocks
        )


def test_shared_sessions_see_each_change_and_are_opened_anew(lab: Lab) -> None:
    count = "select count(*) from core.nothing_yet"
    with SideSessions(lab.source, lab.target) as sessions:
        with sessions.use("target") as first:
            assert first.execute(count).fetchone() == (0,)
        run(lab.target, "insert into core.nothing_yet values (1, 'x')")
        with sessions.use("target") as second:
            assert second is first
            assert second.execute(count).fetchone() == (1,)
            pid = second.info.backend_pid
        run(lab.target, f"select pg_terminate_backend({pid}, 5000)")
        with pytest.raises(psycopg.OperationalError), sessions.use("target") as lost:
            lost.execute(count)
        with sessions.use("target") as third:
            assert third.execute(count).fetchone() == (1,)


def test_a_pooler_in_session_mode_is_told(lab: Lab) -> None:
    direct = checker(lab, capture=Sides(Capture(1), Capture())).direct()
    assert (warnings(direct), direct.facts["replication_source"]) == ("", "accepted")
    with pgbouncer(lab.source, "session") as pooled:
        lab.source = pooled
        diff = checker(lab).direct()
    assert not diff
    assert "a pooler or proxy stands in front of the source" in warnings(diff)


@contextmanager
def streaming_role(pair: Pair, lab: Lab) -> Iterator[str]:
    name = f"ledger_{lab.manifest().target.database[-8:]}"
    run(pair.target.dsn(), f"create role {name} login password 'throw-away-5512'")
    try:
        yield name
    finally:
        run(pair.target.dsn(), f"drop role {name}")


def test_a_ledger_that_cannot_stream_fails(pair: Pair, lab: Lab) -> None:
    with streaming_role(pair, lab) as role:
        ledger = make_conninfo(lab.target, user=role, password="throw-away-5512")

        def judge(dsn: str):
            return checker(lab, capture=Sides(Capture(), Capture(1, dsn=dsn))).direct()

        lacking = judge(ledger)
        assert f"run there: alter role {role} replication" in lacking.report()
        run(pair.target.dsn(), f"alter role {role} replication")
        assert not judge(ledger)
        run(pair.target.dsn(), f"alter role {role} nologin")
        refused = judge(ledger)
        assert "the target refuses a replication connection" in refused.report()
        assert "free a WAL sender" in refused.report()
        assert "throw-away-5512" not in repr(refused)


def test_parameters_that_endanger_a_migration_are_told(pair: Pair, own_lab: Lab) -> None:
    server = pair.target.dsn()
    dangerous = (
        "alter system set log_statement = 'mod'",
        "alter system set autovacuum = off",
        "alter system set max_wal_senders = 17",
    )
    resets = [f"alter system reset {each.split()[3]}" for each in dangerous]
    for statement in (*dangerous, "select pg_reload_conf()"):
        run(server, statement, autocommit=True)
    try:
        ready = checker(own_lab, mover=MoverRole(exists=True))
        diff = ready.parameters()
        without_mover = warnings(checker(own_lab).parameters())
    finally:
        for statement in (*resets, "select pg_reload_conf()"):
            run(server, statement, autocommit=True)
    assert not diff
    text = warnings(diff)
    assert "log_statement is mod on the target, so the server's log gets the values" in text
    assert "autovacuum is off on the target" in text
    assert "max_wal_senders of the target waits for a restart" in text
    assert "log_statement" not in without_mover


def test_what_dms_cannot_carry_is_told(own_lab: Lab) -> None:
    assert not checker(own_lab).dms_tables().facts
    run(
        own_lab.source,
        "create function app.empty() returns void language sql as 'truncate table app.kv'",
        "create function app.wipe(t text) returns void language plpgsql as"
        " $$ begin execute 'truncate ' || t; end $$",
        "create function app.harmless() returns date language sql as"
        " $$ select date_trunc('day', now())::date -- never truncate: rows$$",
        "create domain app.reference as oid",
        "alter table app.kv add file app.reference",
        "analyze app.typed",
        "alter table app.session_cache drop constraint session_cache_pkey",
        "alter table app.session_cache replica identity full",
    )
    diff = checker(own_lab, excluded={"core.kv": ["file"]}).dms_tables()
    assert not diff, diff.report()
    text = warnings(diff)
    assert "app.empty(), app.wipe(text) of the source run TRUNCATE" in text
    assert "harmless" not in text
    assert "app.session_cache of the source has no primary key, so DMS ignores UPDATE" in text
    assert "column ts of app.typed on the source holds infinity" in text
    assert [f.object for f in checker(own_lab).dms_tables().findings()] == ["app.kv.file"]


def test_names_that_differ_in_case_alone_fail(lab: Lab) -> None:
    manifest = lab.manifest()
    twins = tuple(
        MappedTable(RelationName("app", name), RelationName("core", name), (("k", "k"),))
        for name in ("kv", "KV")
    )
    object.__setattr__(manifest, "tables", twins)
    diff = ReadinessChecker(lab.source, lab.target, manifest).dms_tables()
    assert "the names of core.KV and core.kv differ in upper and lower case only" in diff.report()
