"""The stage freeze: each fault turns exactly its own question red."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from freeze.conftest import TABLES, Site, site_on, statement_result
from support.servers import Pair

from pgcutover.connect import open_watch, open_writer
from pgcutover.errors import PgCutoverError
from pgcutover.freeze import FreezeChecker, FreezeState, create_fence, fence_mover_role
from pgcutover.freeze.mover_role import restore_mover_role
from pgcutover.freeze.relations import read_relations
from pgcutover.mapping import MappedTable
from pgcutover.sides import Sides

QUESTIONS = ("sequences", "schema", "mover", "writers", "jobs", "time_left")
JOBS = """
create schema cron;
create table cron.job (schedule text, command text, database text, active boolean, jobname text);
insert into cron.job values ('@daily', 'select 1', current_database(), {}, 'nightly');
"""


@pytest.fixture(scope="module")
def target(pair: Pair) -> Iterator[Site]:
    with site_on(pair.target) as made:
        yield made


@contextmanager
def frozen(source: Site, target: Site) -> Iterator[FreezeChecker]:
    """A freeze that has begun, with the mover fenced, as the final gate finds it."""
    tables = [MappedTable(name, name, ()) for name in TABLES]
    connect = Sides(lambda: open_watch(source.dsn), lambda: open_watch(target.dsn))
    checker = FreezeChecker(connect, tables)
    role = target.roles["app"]
    with source.freeze(budget_seconds=60.0) as freeze, open_writer(target.dsn) as owner:
        checker.warm()
        freeze.prepare()
        checker.hold()
        freeze.lock()
        fence = fence_mover_role(owner, role)
        checker.begin(FreezeState(freeze.backend_pid or 0, time.time(), 60.0, 1.0, role))
        try:
            yield checker
        finally:
            checker.close()
            restore_mover_role(owner, fence)


def red(checker: FreezeChecker) -> dict[str, str]:
    """The questions that are not green, and what they say."""
    found: dict[str, str] = {}
    for name in QUESTIONS:
        try:
            diff = getattr(checker, name)()
        except PgCutoverError as error:
            found[name] = f"UNKNOWN {error}"
        else:
            found |= {name: diff.report()} if diff else {}
    return found


def both(source: Site, target: Site) -> None:
    for site in (source, target):
        with psycopg.connect(site.dsn, autocommit=True) as connection:
            connection.execute("select setval('app.plain_id_seq', 100)")


FAULTS = [
    ("sequences", "target", "select setval('app.plain_id_seq', 3)", "is behind the source"),
    ("schema", "source", "create function app.f() returns int return 1", "routines of the source"),
    ("schema", "source", "create table app.late (id int)", "tables of the source have changed"),
    ("schema", "target", "alter table app.marker add later int", "of the target"),
    ("writers", "source", "create sequence app.own; select nextval('app.plain_id_seq')", "moved"),
    ("jobs", "both", JOBS, "job nightly is enabled on the source and on the target"),
]


@pytest.mark.parametrize(("question", "side", "statement", "said"), FAULTS)
def test_a_fault_in_the_freeze_is_red(
    site: Site, target: Site, question: str, side: str, statement: str, said: str
) -> None:
    both(site, target)
    with ExitStack() as stack:
        checker = stack.enter_context(frozen(site, target))
        assert red(checker) == {}
        for name, own in (("source", site), ("target", target)):
            if side in (name, "both"):
                assert statement_result(own.dsn, statement.format("true")) == "ok"
        found = red(checker)
        assert said in found.pop(question)
        allowed = {"schema", "sequences"} if question in ("writers", "jobs") else set[str]()
        assert found.keys() <= allowed


def test_a_freeze_that_has_ended_is_red(site: Site, target: Site) -> None:
    both(site, target)
    with frozen(site, target) as checker:
        pid = checker.state.backend_pid if checker.state else 0
        assert statement_result(site.dsn, f"select pg_terminate_backend({pid})") == "ok"
        while (
            statement_result(
                site.dsn,
                f"select 1 / (select count(*)::int from pg_stat_activity where pid = {pid})",
            )
            == "ok"
        ):
            time.sleep(0.01)
        assert "0 of 6 tables" in red(checker).pop("writers")
        checker.state = FreezeState(pid, time.time() - 100, 60.0, 1.0, site.roles["owner"])
        found = red(checker)
        assert "of the freeze budget of 60 s are left" in found["time_left"]
        assert "may still write to the target" in found["mover"]
        checker.state = FreezeState(pid, time.time(), 60.0)
        assert "UNKNOWN the mover's role is not known" in red(checker)["mover"]
        checker.state = None
        assert "UNKNOWN no freeze has begun" in red(checker)["time_left"]


def test_a_fence_on_the_target_is_no_change_of_its_schema(site: Site, target: Site) -> None:
    with frozen(site, target) as checker, open_writer(target.dsn) as owner:
        relations = read_relations(owner, TABLES)
        create_fence(owner, relations)
        owner.commit()
        found = checker.schema()
        owner.execute("drop schema pgcutover cascade")
    assert not found, found.report()
