"""The stage smoke: each fault turns exactly its own check red, and a clean pair none."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from support.moved import CLIENT, Moved
from support.servers import Databases

from pgcutover.config import Hook
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.resolver import Side
from pgcutover.errors import ConfigError, PgCutoverError
from pgcutover.smoke import SmokeChecker
from pgcutover.smoke.checker import logs_diff
from pgcutover.smoke.client import ClientPlace
from pgcutover.smoke.plans import Query, plan_costs, plan_findings, read_queries

CHECKS = ("login", "names", "inserts", "plans")
# a change on the target, the one that takes it back, what turns red, and what that says
FAULTS = [
    ("alter role {role} in database {db} set search_path to public",
     "alter role {role} in database {db} set search_path to auth, public",
     {"names": "find auth.users under this name, found nothing",
      "plans": r"q:1 cannot be planned on the target: .*42P01"}),
    ("create table auth.visits (id int)", "drop table auth.visits",
     {"names": r"find public.visits under this name, found visits"}),
    ("revoke insert on auth.users from {role}", "grant insert on auth.users to {role}",
     {"inserts": "auth.users: clients of the target cannot insert: .*42501"}),
    ("revoke usage on sequence public.visits_id_seq from {role}",
     "grant usage on sequence public.visits_id_seq to {role}",
     {"inserts": "visits.id: clients of the target may not use visits_id_seq"}),
    ("create function public.t() returns uuid language plpgsql as 'begin perform 1/0; end';"
     " alter table public.visits alter token set default public.t()",
     "alter table public.visits alter token drop default",
     {"inserts": "visits.token: its default fails for clients of the target: .*22012"}),
    ("alter table auth.users drop constraint users_email_key",
     "alter table auth.users add constraint users_email_key unique (email)",
     {"plans": r"q:1: the plan on the target costs \d+, .* more than 3 times"}),
]  # fmt: skip


def red(checker: SmokeChecker) -> dict[str, str]:
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


def test_every_fault_turns_its_own_check_red(moved: Moved) -> None:
    with moved.begun() as checker:
        assert red(checker) == {}
        assert checker.plans().facts == {"queries": 2, "compared": 2}
        assert checker.inserts().facts == {"tables": 2}
    names = {"role": CLIENT, "db": moved.databases.name}
    for change, undo, expected in FAULTS:
        moved.change("target", change.format(**names))
        with moved.begun() as checker:
            found = red(checker)
        assert found.keys() == expected.keys(), (change, found)
        assert all(re.search(said, found[name]) for name, said in expected.items()), found
        moved.change("target", undo.format(**names))


def test_no_check_keeps_a_lock(moved: Moved) -> None:
    """A fence is removed while the suite's process still writes its report."""
    source, target = (
        psycopg.connect(dsn) for dsn in (moved.databases.source, moved.databases.target)
    )
    with moved.begun() as checker, source, target:
        for name in CHECKS:
            assert not getattr(checker, name)()
            for owner, users in ((source, "users"), (target, "auth.users")):
                owner.execute(f"lock table {users}, visits in access exclusive mode nowait")
                owner.rollback()


def test_clients_that_reach_the_wrong_place_are_red(moved: Moved) -> None:
    right = moved.checker.places[0]
    old = make_conninfo(moved.databases.source, user=CLIENT, password="client")
    wrong = make_conninfo(right.read_dsn(), password="hunter2")
    places = [right, ClientPlace("secret a", lambda: old), ClientPlace("secret b", lambda: wrong)]
    with moved.begun(places=places) as checker:
        said = checker.login().report()
    assert "hunter2" not in said
    assert "secret a: expected clients to reach the target, system identifier" in said
    assert "secret b: clients cannot log in to the target" in said
    assert "app.env" not in said
    with moved.begun(places=[]) as checker:
        assert "UNKNOWN neither cutover.secret nor" in red(checker)["names"]


def test_a_checker_without_a_switch_knows_nothing(moved: Moved) -> None:
    with pytest.raises(PgCutoverError, match="no clients were sent anywhere"):
        moved.checker.login()


def test_a_client_session_can_read_and_not_write(moved: Moved) -> None:
    with moved.begun() as checker:
        with checker.client_session() as client:
            assert client.execute("select count(*) from users").fetchone() == (20000,)
        with (
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
            checker.client_session() as client,
        ):
            client.execute("insert into users (email) values ('b')")


def test_the_logs_are_judged_by_the_exit_code_of_the_hook(tmp_path: Path) -> None:
    runner = HookRunner("kgc", tmp_path)

    def look(code: int) -> bool:
        hook = Hook(command=("sh", "-c", f"exit {code}"))
        return bool(logs_diff(lambda side: runner.run("errors", hook, side), Side.TARGET))

    assert (look(0), look(1)) == (False, True)
    with pytest.raises(StepError, match="ended with exit code 2"):
        look(2)
    with pytest.raises(PgCutoverError, match=r"cutover\.hooks\.errors is not set"):
        logs_diff(None, Side.TARGET)


PARTITIONED = """
create table readings (at timestamptz not null, value int) partition by range (at);
create index on readings (at);
select format('create table readings_%s partition of readings for values from (%L) to (%L)',
    n, month, month + interval '1 month')
from generate_series(0, 80) n, lateral (select date_trunc('month', now() - interval '72 months')
    + n * interval '1 month') m (month)
"""


def test_partitions_that_are_pruned_as_a_query_starts_cost_nothing(databases: Databases) -> None:
    query = "select value from readings where at >= now() - interval '1 day' order by at"
    with psycopg.connect(databases.source) as source, psycopg.connect(databases.target) as target:
        source.execute("create table readings (at timestamptz not null, value int)")
        source.execute("create index on readings (at)")
        for (statement,) in target.execute(PARTITIONED).set_result(2).fetchall():
            target.execute(statement)
        for side in (source, target):
            side.execute(
                "insert into readings select now() - n * interval '156 minutes'"
                " from generate_series(1, 20000) n"
            )
            side.execute("analyze readings")
        queries = [Query("q:1", query), Query("q:2", query.replace("now()", "$1::timestamptz"))]
        old, new = (plan_costs(side, queries) for side in (source, target))
        assert list(plan_findings(old, new, 3.0, "target")) == []
        assert new["q:1"] < 100 < new["q:2"], "without a value all partitions are left out"
        target.execute("drop index readings_at_idx")
        target.execute("insert into readings select now() from generate_series(1, 90000)")
        found = plan_findings(old, plan_costs(target, queries), 3.0, "target")
        assert "q:1" in {each.object for each in found}


def test_queries_are_read_from_a_file_and_named_by_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "queries.sql"
    path.write_text("-- sign in\nselect 1;\n\nselect ';' from t\nwhere x = $1;\n")
    assert [(q.name, q.text) for q in read_queries(path)] == [
        ("queries.sql:2", "select 1"),
        ("queries.sql:4", "select ';' from t\nwhere x = $1"),
    ]
    path.write_text("-- nothing\n")
    with pytest.raises(ConfigError, match="has no statement"):
        read_queries(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_queries(tmp_path / "none.sql")
