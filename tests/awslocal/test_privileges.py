"""Test that the mover needs no superuser, and names missing privileges."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from awslocal.rig import Workshop, both
from psycopg import sql

TABLES = "create table public.t (id int primary key, n int)"


@pytest.fixture
def role(workshop: Workshop) -> Iterator[str]:
    """A role on both servers with the privileges of KGC's role `dms`, except replica mode."""
    name = f"dms_{uuid4().hex[:8]}"
    password = workshop.databases.servers.source.password
    for dsn in ("source", "target"):
        statement = sql.SQL("create role {} login replication password {}").format(
            sql.Identifier(name), password
        )
        workshop.databases_run(**{dsn: statement.as_string()})
        workshop.databases_run(
            **{
                dsn: f"grant create on database {workshop.databases.name} to {name};"
                f"{TABLES}; alter table public.t owner to {name};"
                f"grant create on schema public to {name}"
            }
        )
    yield name
    for dsn in ("source", "target"):
        workshop.databases_run(**{dsn: f"drop owned by {name} cascade; drop role {name}"})


def test_an_ordinary_role_moves_rows_and_warns_of_live_triggers(
    workshop: Workshop, role: str
) -> None:
    password = workshop.databases.servers.source.password
    task = workshop.task(
        who={"username": role, "password": password}, Logging={"EnableLogging": True}
    )
    task.source("insert into public.t values (1, 1)")
    task.start()
    task.loaded()
    task.source("update public.t set n = 2")
    task.arrives("select n from public.t", 2)
    task.stop()
    warned = [line for line in workshop.task_log(task) if "session_replication_role" in line]
    assert len(warned) == 1


@pytest.mark.parametrize(
    ("side", "taken", "message"),
    [
        ("source", "alter role {role} noreplication", "replication"),
        ("source", "alter table public.t owner to postgres", "must be owner of table t"),
        ("target", "revoke create on schema public from {role}", "permission denied for schema"),
    ],
)
def test_a_missing_permission_is_one_sentence(
    workshop: Workshop, role: str, side: str, taken: str, message: str
) -> None:
    password = workshop.databases.servers.source.password
    workshop.databases_run(**{side: taken.format(role=role)})
    task = workshop.task(who={"username": role, "password": password})
    task.start()
    assert message in task.ended("failed")["LastFailureMessage"]


@pytest.mark.parametrize("subtasks", [1, 8])
def test_a_table_that_cannot_be_read_is_in_error(
    workshop: Workshop, role: str, subtasks: int
) -> None:
    both(
        workshop.databases, f"create table public.u (id int); alter table public.u owner to {role}"
    )
    password = workshop.databases.servers.source.password
    task = workshop.task(
        kind="full-load",
        who={"username": role, "password": password},
        FullLoadSettings={"MaxFullLoadSubTasks": subtasks},
    )
    task.source(f"alter table public.t owner to postgres; revoke all on public.t from {role}")
    task.start()
    task.ended("stopped")
    assert task.statistics("t")["TableState"] == "Table error"
    assert task.statistics("u")["TableState"] == "Table completed"
