"""A freeze is refused with a plain sentence where it would fail or cost clients errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from freeze.conftest import TABLES, Site
from psycopg import sql

from pgcutover.config import FreezeSettings
from pgcutover.connect import open_watch, open_writer
from pgcutover.freeze import (
    StartFacts,
    create_fence,
    read_relations,
    remove_fence,
    start_conditions,
)
from pgcutover.freeze.conditions.role_conditions import parse_seconds

GOOD = StartFacts(0.1, 0.2, "verifier")


def refusals(site: Site, dsn: str = "", facts: StartFacts = GOOD, **settings: object) -> list[str]:
    with open_watch(dsn or site.dsn) as connection:
        relations = read_relations(connection, TABLES)
        connection.rollback()
        found = start_conditions(connection, relations, FreezeSettings(**settings), facts)
    return [f.message for f in found]


@contextmanager
def altered(site: Site, change: str, undo: str) -> Iterator[None]:
    roles = {kind: sql.Identifier(role) for kind, role in site.roles.items()}
    roles["database"] = sql.Identifier(site.name)
    with psycopg.connect(site.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL(change).format(**roles))
        try:
            yield
        finally:
            connection.execute(sql.SQL(undo).format(**roles))


def test_a_quiet_source_is_not_refused(site: Site) -> None:
    assert refusals(site) == []


def test_measurements_that_are_bad_or_missing_are_refused(site: Site) -> None:
    assert refusals(site, facts=StartFacts(None, None, "verifier")) == [
        "the mover's lag is not known; expected a running mover",
        "the time to compare the open keys is not known; run pgcutover ledger status",
    ]
    assert refusals(site, facts=StartFacts(1.5, 7.25, "verifier")) == [
        "the mover lags by 1.5 s; expected less than 1 s (freeze.max_lag_seconds)",
        "comparing rows in the freeze takes 7.2 s; expected less than 5 s (freeze.budget_seconds); "
        "let the change ledger settle, or set one up",
    ]
    (said,) = refusals(site, facts=replace(GOOD, verifier_role="postgres"))
    assert "role postgres of freeze.dsn_env is also that of source.dsn_env" in said


def test_old_and_prepared_transactions_are_refused(site: Site) -> None:
    with psycopg.connect(site.dsn, autocommit=True) as connection:
        connection.execute("begin; insert into app.heir values (1000, 'x')")
        facts = replace(GOOD, open_set_seconds=0.0)
        (said,) = refusals(site, facts=facts, budget_seconds=1e-6)
        assert "wrote to app.heir in a transaction that is 0 s old" in said
        assert refusals(site) == []
        connection.execute(f"prepare transaction '{site.name}'")
        (said,) = refusals(site)
        assert f"prepared transaction {site.name} has written to app.heir" in said
        connection.execute(f"rollback prepared '{site.name}'")


def test_a_vacuum_that_does_not_yield_is_refused(site: Site) -> None:
    with psycopg.connect(site.dsn) as connection:
        connection.execute("lock only app.plain in share update exclusive mode")
        (said,) = refusals(site)
    assert "holds app.plain and does not yield" in said


@pytest.mark.parametrize(
    ("change", "undo", "settings", "said"),
    [
        (
            "alter role {app} in database {database} set lock_timeout to '4s'",
            "alter role {app} in database {database} reset lock_timeout",
            {},
            "lock_timeout of role .*_app is 4 s, so that its writes would fail",
        ),
        (
            "alter database {database} set statement_timeout to 3000",
            "alter database {database} reset statement_timeout",
            {"application_roles": ()},
            "statement_timeout of role .*_all is 3 s",
        ),
        (
            "alter role {app} connection limit 3",
            "alter role {app} connection limit -1",
            {},
            "role .*_app has 0 of 3 connections, and clients may open 50",
        ),
        ("select 1", "select 1", {"lock_timeout_seconds": 2.0}, "deadlock_timeout is 1 s"),
        ("select 1", "select 1", {"connections_per_second": 1e4}, "the server has .* 50000 while"),
        (
            "alter database {database} set default_transaction_read_only to on",
            "begin read write; alter database {database} reset default_transaction_read_only; "
            "commit",
            {},
            "the source is read only already",
        ),
    ],
)
def test_settings_that_cost_clients_errors_are_refused(
    site: Site, change: str, undo: str, settings: dict[str, object], said: str
) -> None:
    with altered(site, change, undo):
        found = refusals(site, **settings)
    assert [f for f in found if re.search(said, f)], found


def test_a_role_that_may_not_lock_or_fence_is_refused(site: Site) -> None:
    found = "\n".join(refusals(site, site.role("app"), budget_seconds=9.0))
    for said in (
        "may not create the schema pgcutover",
        "may not lock app.plain; grant it update",
        "may not fence app.parts",
        "are not visible; grant pg_read_all_stats",
    ):
        assert said in found
    with altered(
        site,
        "grant update, trigger on app.parts_old to {app}",
        "revoke update, trigger on app.parts_old from {app}",
    ):
        found = "\n".join(refusals(site, site.role("app")))
    assert "could fence app.parts_old, but not remove the fence again" in found
    assert "may not lock app.parts_old" not in found


def test_a_fence_that_was_left_behind_is_refused(site: Site) -> None:
    with open_writer(site.dsn) as connection:
        create_fence(connection, read_relations(connection, TABLES[:1]))
    try:
        (said,) = refusals(site)
    finally:
        with open_writer(site.dsn) as connection:
            remove_fence(connection)
    assert said == (
        "2 tables of the source, such as app.plain, have a write fence; run pgcutover unfreeze"
    )


@pytest.mark.parametrize(
    ("value", "seconds"), [("0", 0), ("500", 0.5), ("5s", 5), ("2min", 120), ("1.5 h", 5400)]
)
def test_timeouts_are_read_in_their_units(value: str, seconds: float) -> None:
    assert parse_seconds(value) == seconds
