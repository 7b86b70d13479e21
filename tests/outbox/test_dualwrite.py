"""The adapter: writes reach the target by the relay alone, and can be waited for."""

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import ModuleType

import psycopg
import pytest
from outbox.rig import OUTBOX, Rig

from pgcutover.dualwrite import AsyncDualWrite, DualWrite, NotAppliedError, NotCapturedError
from pgcutover.outbox.opening import read_captured
from pgcutover.outbox.run import drain, expire_parked, replay_table, run_relay
from pgcutover.sides import Sides


@pytest.fixture
def dual(rig: Rig) -> Iterator[DualWrite]:
    from psycopg_pool import ConnectionPool

    with ConnectionPool(rig.databases.source, min_size=1, max_size=2) as pool:
        yield DualWrite(pool)


def test_writes_are_on_the_source_at_once_and_can_be_waited_for(rig: Rig, dual: DualWrite) -> None:
    with dual.transaction() as writes:
        row = {"id": 1, "note": "a"}
        assert writes.insert("app.people", row, ["id", "note"]) == {"id": 1, "note": "a!"}
        many = [{"id": n, "day": "2026-01-05", "v": n} for n in range(3)]
        assert len(writes.insert_many("app.readings", many, ["id"])) == 3
    with dual.transaction() as writes:
        writes.upsert("app.readings", {"id": 2, "day": "2026-01-06", "v": 9}, ["id"])
        assert writes.update("app.readings", {"v": 8}, {"id": 1}, ["v"]) == [{"v": 8}]
        writes.delete("app.readings", {"id": 0})
        writes.execute("delete from app.people where id = %s", [7])
    with pytest.raises(psycopg.errors.UniqueViolation), dual.transaction() as writes:
        writes.insert_many("app.people", [{"id": 2}, {"id": 2}])
    with (
        pytest.raises(NotAppliedError, match="are committed, but not on the target"),
        dual.transaction(applied_within=0.05) as writes,
    ):
        writes.insert("app.people", {"id": 3})
    assert rig.source("select count(*) from app.people") == [(2,)]
    stop, opened = Event(), rig.new_relay
    relay = Thread(target=run_relay, args=(opened, stop, 0.01, lambda _: None))
    relay.start()
    try:
        with dual.transaction(applied_within=20) as writes:
            writes.update("app.people", {"note": "b"}, {"id": 3})
        assert rig.target("select remark from core.persons where id = 3") == [("b!",)]
        rig.target("alter table core.persons add constraint short check (length(remark) < 9)")
        with (
            pytest.raises(NotAppliedError, match="refused a row"),
            dual.transaction(applied_within=20) as writes,
        ):
            writes.insert("app.people", {"id": 4, "note": "a long note"})
    finally:
        stop.set()
        relay.join()
        rig.target("alter table core.persons drop constraint short")
    rig.source("update app.people set note = 'c' where id = 4")
    rig.settled()


def test_what_would_not_arrive_is_refused(dual: DualWrite) -> None:
    for table in ("app.keyless", "app.nothing", "nothing"):
        refused = pytest.raises(NotCapturedError, match="the trigger of the outbox")
        with refused, dual.transaction() as writes:
            writes.insert(table, {"v": 1})
    with pytest.raises(psycopg.errors.UndefinedColumn), dual.transaction() as writes:
        writes.insert("app.people", {"id": 1, "nothing": 1})
    with pytest.raises(ValueError, match="expected a condition"), dual.transaction() as writes:
        writes.delete("app.people", {})


def test_the_same_for_asyncio(rig: Rig) -> None:
    from psycopg_pool import AsyncConnectionPool

    async def write() -> None:
        async with AsyncConnectionPool(rig.databases.source, min_size=1, open=False) as pool:
            dual = AsyncDualWrite(pool)
            async with dual.transaction() as writes:
                row = await writes.insert("app.people", {"id": 1, "note": "a"}, ["note"])
                assert row == {"note": "a!"}
                await writes.upsert("app.people", {"id": 1, "note": "b"}, ["id"])
            with pytest.raises(NotAppliedError):
                async with dual.transaction(applied_within=0.01) as writes:
                    await writes.insert("app.people", {"id": 2})

    asyncio.run(write())
    rig.settled()


def kgc_repository(root: Path) -> ModuleType:
    path = root / "docs" / "clients" / "kgc_repository.py"
    spec = importlib.util.spec_from_file_location("kgc_repository", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["kgc_repository"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_repository_of_the_documentation_runs(
    rig: Rig, dual: DualWrite, pytestconfig: pytest.Config
) -> None:
    kgc = kgc_repository(pytestconfig.rootpath)
    columns = "id bigint generated always as identity primary key, user_id int, metric text"
    more = "value numeric, unit text, recorded_at timestamptz"
    metrics = f"create table app.health_metrics ({columns}, {more})"
    directives = """create table app.care_plan_directives (
        id uuid primary key default gen_random_uuid(), patient_id int, doctor_id int, title text,
        directive text, starts_on date)"""
    for run in (rig.source, rig.target):
        run(metrics, directives)
    kgc.HealthMetrics.table, kgc.CarePlanDirectives.table = (
        "app.health_metrics",
        "app.care_plan_directives",
    )
    health, plans = kgc.HealthMetrics(dual), kgc.CarePlanDirectives(dual)
    rig.install()
    made = [health.create(1, "glucose", "5.60", "mmol/L") for _ in range(3)]
    health.update(made[0]["id"], value="5.7")
    assert health.delete(made[1]["id"])
    assert [str(row["value"]) for row in health.of_user(1)] == ["5.7", "5.60"]
    directive = plans.create(1, 2, "rest", "two days", date(2026, 1, 5))
    gone = plans.create(1, 2, "run", "one mile", date(2026, 1, 6))
    with pytest.raises(NotAppliedError):
        plans.update(directive, wait_seconds=0.01, title="sleep")
    plans.delete(gone)
    assert [row["title"] for row in plans.of_patient(1)] == ["sleep"]
    with closing(rig.new_relay()) as relay:
        assert drain(relay, monotonic() + 20)
    for table in ("app.health_metrics", "app.care_plan_directives"):
        rows = f"select x::text from {table} x order by 1"
        assert rig.source(rows) == rig.target(rows) != []


def test_the_rights_that_install_grants_are_enough(rig: Rig) -> None:
    from psycopg_pool import ConnectionPool

    relay, application = f"relay_{rig.databases.name}", f"app_{rig.databases.name}"
    rig.uninstall()
    rig.source(
        f"create role {relay} login password 'x'; create role {application} login password 'x';"
        f" grant usage on schema app to {relay}, {application};"
        f" grant select on all tables in schema app to {relay};"
        f" grant all on app.readings to {application}"
    )
    try:
        rig.install(replace(OUTBOX, relay_role=relay, application_roles=(application,)))
        dsns = Sides(f"{rig.databases.source} user={relay} password=x", rig.databases.target)
        with ConnectionPool(f"{rig.databases.source} user={application} password=x") as pool:
            row = {"id": 1, "day": "2026-01-05", "v": 1}
            with (
                pytest.raises(NotAppliedError),
                DualWrite(pool).transaction(applied_within=0.01) as writes,
            ):
                writes.insert("app.readings", row)
        rig.target("alter table app.readings add constraint none check (v <> 1)")
        with rig.relay(dsns) as relayed:
            assert drain(relayed, monotonic() + 20)
            assert rig.source("select count(*) from pgcutover.outbox_parked") == [(1,)]
            rig.target("alter table app.readings drop constraint none")
            rig.source("update app.readings set v = 2")
            assert drain(relayed, monotonic() + 20)
            with relayed.source.connection.transaction():
                _, plan = read_captured(relayed.source.connection, rig.name, rig.rules)
            for table in plan.tables:
                replay_table(relayed.source.connection, table)
            expire_parked(relayed.source.connection, 1)
            assert drain(relayed, monotonic() + 20)
        rig.settled()
    finally:
        while rig.relays:
            rig.relays.pop().close()
        rig.uninstall()
        rig.source(f"drop owned by {relay}, {application}; drop role {relay}, {application}")
        rig.install()
