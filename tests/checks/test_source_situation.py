"""Test the readiness checks of a source: its changes, its old transactions, its mover's role."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from compare.lab import Lab, run
from support.servers import Pair

from pgcutover.config.policy import Policy
from pgcutover.connect import open_session
from pgcutover.embedded.server import ServerSpec, servers
from pgcutover.readiness.checker import ReadinessChecker
from pgcutover.readiness.decoding import Capture, judge_decoding
from pgcutover.readiness.offered import judge_offered
from pgcutover.readiness.situation import Situation
from pgcutover.readiness.source.key_space import judge_key_space
from pgcutover.readiness.source.old_transactions import judge_transactions
from pgcutover.readiness.writers import MoverRole
from pgcutover.sides import Sides

READ = Sides(Capture(1), Capture())


def checker(lab: Lab, **options: object) -> ReadinessChecker:
    return ReadinessChecker(lab.source, lab.target, lab.manifest(), **options)


def warnings(diff) -> str:
    return "\n".join(diff.facts.get("warnings", ()))


def test_a_server_that_cannot_decode_fails_where_changes_are_to_be_read() -> None:
    settings = {"wal_level": "replica", "max_replication_slots": "1"}
    with servers([ServerSpec("source", 17, settings)], progress=lambda _: None) as running:
        dsn = running["source"].dsn()
        assert "none is left" not in str(decoding(dsn, Capture(1)).warnings)
        run(dsn, "select pg_create_physical_replication_slot('spare', true)")
        found = decoding(dsn, Capture(2))
        assert [p.object for p in found.problems] == ["wal_level"]
        text = "\n".join(found.warnings)
        assert "max_replication_slots of the source: none is left" in text
        assert "slot spare of the source is read by nobody" in text
        assert "select pg_drop_replication_slot('spare')" in text
        assert "until the disk is full" in text
        own = decoding(dsn, Capture(2, ("spare",)))
        assert "read by nobody" not in "\n".join(own.warnings)
        unused = decoding(dsn, Capture())
        assert not unused.problems
        assert "wal_level of the source is replica" in "\n".join(unused.warnings)
        run(dsn, "alter system set max_slot_wal_keep_size = '64MB'", autocommit=True)
        run(dsn, "select pg_reload_conf()")
        text = "\n".join(decoding(dsn, Capture(1)).warnings)
        assert "up to 64 MB" in text
        assert "loses its slot and must load again" in text
        run(dsn, "select pg_drop_replication_slot('spare')")
        run(dsn, "select pg_create_physical_replication_slot('spare')")
        assert "it takes up one of max_replication_slots" in str(decoding(dsn, Capture()).warnings)


def decoding(dsn: str, capture: Capture) -> Situation:
    found = Situation()
    with open_session(dsn) as connection:
        judge_decoding(found, "source", connection, capture)
    return found


def test_changes_that_are_not_sent_fail_where_they_are_to_be_read(own_lab: Lab) -> None:
    before = checker(own_lab, capture=READ).changes().findings()
    run(
        own_lab.source,
        "alter table app.kv replica identity nothing",
        "alter table app.customers replica identity using index customers_email_key",
        "select lo_from_bytea(0, 'x')",
        "create foreign data wrapper w; create server s foreign data wrapper w",
        "create foreign table app.far (id int) server s",
        "alter table app.nothing_yet drop constraint nothing_yet_pkey,"
        " add primary key (id) deferrable",
        "alter table app.events_2025q1 replica identity nothing",
    )
    changed(own_lab.source, "app.kv", "update app.kv set v = v")
    diff = checker(own_lab, capture=READ).changes()
    new = [f for f in diff.findings() if f not in before]
    assert [(f.object, f.kind) for f in new] == [("app.kv", "no replica identity")]
    assert "updated or deleted since the statistics began" in new[0].message
    assert "alter table app.kv replica identity default" in new[0].message
    assert {f.kind for f in before} <= {"unlogged table", "no replica identity"}
    assert "app.session_cache is unlogged" in diff.report()
    assert "the source has 1 large object" in warnings(diff)
    assert "app.far is a foreign table" in warnings(diff)
    assert "app.nothing_yet has a deferrable primary key" in warnings(diff)
    assert "app.events_2025q1 has replica identity nothing" in warnings(diff)
    run(own_lab.source, "alter table app.customers drop constraint customers_email_key cascade")
    assert "app.customers has a replica identity whose index is gone" in warnings(
        checker(own_lab, capture=READ).changes()
    )
    unread = checker(own_lab).changes()
    assert not unread
    assert "app.kv has replica identity nothing" in warnings(unread)


def changed(dsn: str, table: str, statement: str) -> None:
    """Run a statement, and wait until the statistics show it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())
        if connection.info.server_version >= 150000:
            connection.execute("select pg_stat_force_next_flush()")
        query = "select n_tup_upd from pg_stat_all_tables where relid = %s::regclass"
        connection.execute("select pg_stat_clear_snapshot()")
        assert connection.execute(query, [table]).fetchone() != (0,)


def test_key_columns_near_their_end_fail_and_can_be_accepted(own_lab: Lab) -> None:
    create = (
        "create table app.near (id int primary key, code smallint unique, draws int)",
        "create sequence app.draws",
        "alter table app.near alter draws set default nextval('app.draws')",
        "select setval('app.draws', 1200000000)",
        "insert into app.near values (2147483640, 20000, 1)",
        # downwards, and in a narrower column than the sequence
        "create sequence app.falls increment -1",
        "create table app.falling (id int primary key default nextval('app.falls'))",
        "select setval('app.falls', -2147483000)",
    )
    run(own_lab.source, *create)
    diff = checker(own_lab).key_space()
    assert [f.object for f in diff.findings()] == ["app.falls", "app.near.id"]
    assert "sequence app.falls of app.falling.id of the source has used 99.9 %" in diff.report()
    assert "; 648 numbers are left" in diff.report()
    assert "has used 99.9 % of its numbers; 7 numbers are left" in diff.report()
    assert "key app.near.code (int2)" in warnings(diff)
    assert "sequence app.draws of app.near.draws" in warnings(diff)
    accepted = checker(own_lab, policy=Policy(numbers_near_end="bigint next month")).key_space()
    assert not accepted
    assert "accepted: bigint next month" in warnings(accepted)


@contextmanager
def prepared(dsn: str) -> Iterator[None]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("begin; update app.kv set v = v; prepare transaction 'left-open-source'")
        yield
        connection.execute("rollback prepared 'left-open-source'")


AGE = """
update pg_database set datfrozenxid = ((txid_current() - {}) & 4294967295)::text::xid
where datname = current_database()
"""


def test_what_cannot_be_seen_is_told(lab: Lab, reading_role: str) -> None:
    dsn = psycopg.conninfo.make_conninfo(lab.source, user=reading_role, password="secret-7431")
    with psycopg.connect(lab.source), open_session(dsn) as source:
        text = warnings(judge_transactions(source).diff())
        sequences = warnings(judge_key_space(source, ()).diff())
    assert "the transactions of 1 session of other roles on the source cannot be seen" in text
    assert f'grant pg_read_all_stats to "{reading_role}"' in text
    assert "of the source cannot be read, so how many numbers are left" in sequences
    assert "grant select on sequence app." in sequences


@pytest.fixture
def reading_role(pair: Pair, lab: Lab) -> Iterator[str]:
    name = f"reads_{lab.manifest().source.database[-8:]}"
    run(pair.source.dsn(), f"create role {name} login password 'secret-7431'")
    yield name
    run(pair.source.dsn(), f"drop role {name}")


def test_old_transactions_warn_and_old_rows_fail(own_lab: Lab) -> None:
    assert not checker(own_lab).transactions().facts
    with (
        psycopg.connect(own_lab.source) as session,
        prepared(own_lab.source),
        open_session(own_lab.source) as source,
    ):
        session.execute("select 1")
        assert "idle in transaction" not in warnings(judge_transactions(source).diff())
        text = warnings(judge_transactions(source, 0).diff())
        assert f"(pid {session.info.backend_pid}, idle in transaction)" in text
    assert "transaction 'left-open-source' of role postgres has been prepared" in text
    with psycopg.connect(own_lab.source, autocommit=True) as session:
        ((kept,),) = session.execute(
            "select datfrozenxid::text from pg_database where datname = current_database()"
        ).fetchall()
        for age, fails in ((1_100_000_000, False), (1_700_000_000, True)):
            session.execute(AGE.format(age).encode())
            diff = checker(own_lab).transactions()
            assert bool(diff) is fails
            assert "run vacuum freeze there" in (diff.report() if fails else warnings(diff))
        session.execute(
            "update pg_database set datfrozenxid = %s::xid where datname = current_database()",
            [kept],
        )


@pytest.fixture
def writer(pair: Pair, lab: Lab) -> Iterator[str]:
    name = f"mover_{lab.manifest().source.database[-8:]}"
    run(pair.target.dsn(), f"create role {name} login")
    yield name
    run(lab.target, f"drop owned by {name}")
    run(pair.target.dsn(), f"drop role {name}")


def test_the_role_of_the_mover_needs_its_rights(lab: Lab, writer: str) -> None:
    def judge(name: str):
        return checker(lab, mover=MoverRole(exists=True, name=name))

    assert "role nobody, which mover.target_role names, does not exist" in (
        judge("nobody").mover_role().report()
    )
    diff = judge(writer).mover_role()
    assert f"role {writer} may not select, insert, update, delete on core.kv" in diff.report()
    assert f"grant set on parameter session_replication_role to {writer}" in warnings(diff)
    run(
        lab.target,
        f"grant select, insert, update, delete on all tables in schema core, sales to {writer}",
        f"grant set on parameter session_replication_role to {writer}",
        f"alter role {writer} set statement_timeout = '30s'",
    )
    ready = judge(writer).mover_role()
    assert not ready, ready.report()
    assert not ready.facts
    text = warnings(judge(writer).room())
    assert f"statement_timeout of role {writer} on the target is 30s" in text
    run(lab.target, f"alter role {writer} nologin")
    assert "may not log in" in judge(writer).mover_role().report()


def test_an_extension_that_is_offered_in_an_older_version_is_told_once(lab: Lab) -> None:
    run(lab.target, "create extension pageinspect")
    with open_session(lab.target) as newer, open_session(lab.source) as older:
        text = warnings(judge_offered(newer, older).diff())
        assert "pageinspect is 1.12 on the source, and the target offers only 1.11" in text
        # SCHEMA-EXTENSIONS compares the versions of those that are installed on both sides
        assert "pageinspect" not in warnings(judge_offered(newer, newer).diff())


def test_what_needs_a_decision_is_told(own_lab: Lab) -> None:
    role = f"old_{own_lab.manifest().source.database[-8:]}"
    run(
        own_lab.source,
        "create function app.ev() returns event_trigger language plpgsql as 'begin end'",
        "create event trigger watches on ddl_command_end execute function app.ev()",
        "alter table app.kv add constraint doubtful check (v is not null) not valid",
        f"set local password_encryption = 'md5'; create role {role} login password 'secret-7431'",
    )
    try:
        diff = checker(own_lab).offered()
    finally:
        run(own_lab.source, "drop event trigger watches", f"drop role {role}")
    assert not diff
    text = warnings(diff)
    assert "event trigger watches runs on DDL" in text
    assert "check constraint doubtful of app.kv is NOT VALID" in text
    assert f"role {role} of the source has an md5 password" in text
    assert "secret-7431" not in repr(diff)
