"""A mover that is fenced by its role, and by what migration.toml lacks for it."""

import pytest
from cutover.subscriptions import execute
from psycopg import sql

from pgcutover.config import Hook
from pgcutover.cutover.databases.marker_mover import MarkerMover
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.resolver import Side
from pgcutover.mapping import RelationName

TABLE = RelationName("public", "t")


@pytest.fixture
def mover(databases, tmp_path):
    role = f"mover_{databases.name}"
    create = sql.SQL("create role {} login").format(sql.Identifier(role))
    execute(databases.target, create, "create table t (id int primary key)")
    yield MarkerMover(
        {Side.SOURCE: databases.source, Side.TARGET: databases.target},
        ({Side.SOURCE: TABLE, Side.TARGET: TABLE},),
        0.1,
        HookRunner("x", tmp_path),
        lambda name: None,
        role,
        {Side.SOURCE: (TABLE,), Side.TARGET: (TABLE,)},
    )
    execute(databases.target, sql.SQL("drop role {}").format(sql.Identifier(role)))


def can_login(mover):
    query = sql.SQL("select rolcanlogin from pg_roles where rolname = {}")
    return execute(mover.dsns[Side.TARGET], query.format(sql.Literal(mover.role)))[0][0]


def test_a_role_is_fenced_and_restored_and_either_may_run_twice(mover):
    for _ in range(2):
        mover.fence(Side.SOURCE)
        assert (mover.is_fenced(Side.SOURCE), can_login(mover)) == (True, False)
    for _ in range(2):
        mover.unfence(Side.SOURCE)
        assert (mover.is_fenced(Side.SOURCE), can_login(mover)) == (False, True)


def test_a_mover_that_does_not_run_has_no_lag_and_is_never_drained(mover):
    execute(mover.dsns[Side.SOURCE], "create table t (id uuid primary key)")
    execute(mover.dsns[Side.TARGET], "alter table t alter id type uuid using gen_random_uuid()")
    assert mover.lag_seconds(Side.SOURCE) is None
    assert not mover.is_running(Side.SOURCE)
    with pytest.raises(StepError, match=r"no marker arrived in public\.t within 0\.1 s"):
        mover.drain(Side.SOURCE, 0.1)


def test_what_migration_toml_lacks_is_named_before_the_start(mover):
    from dataclasses import replace

    bare = replace(mover, role="")
    unfenced, unstarted = bare.problems(Side.SOURCE)
    assert ["mover_role" in unfenced, "start_mover" in unstarted] == [True] * 2
    assert replace(bare, find_hook=lambda name: Hook(command=("true",))).problems(Side.SOURCE) == []
