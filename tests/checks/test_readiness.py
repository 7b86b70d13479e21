"""Test the readiness checks: two databases, verified TLS, and roles that can read every row."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from compare.lab import Lab, run
from psycopg import conninfo
from support.servers import Pair

EVERY = (
    "do $$ declare s name; begin for s in select nspname from pg_namespace where nspname"
    " in ('app', 'core', 'sales', 'lib', 'outside') loop execute format('{}', s); end loop; end $$"
)


@contextmanager
def reader(pair: Pair, lab: Lab, side: str) -> Iterator[str]:
    """A role for the gate that may read everything, instead of the superuser."""
    role = f"reader_{uuid4().hex[:8]}"
    dsn, password = getattr(lab, side), "throw-away"
    lab.scratch = lab.scratch or conninfo.make_conninfo(lab.target, dbname="postgres")
    run(dsn, f"create role {role} login password '{password}'")
    run(dsn, EVERY.format(f"grant usage on schema %I to {role}"))
    run(dsn, EVERY.format(f"grant select on all tables in schema %I to {role}"))
    setattr(lab, side, conninfo.make_conninfo(dsn, user=role, password=password))
    try:
        yield role
    finally:
        run(dsn, f"drop owned by {role}", f"drop role {role}")
        setattr(lab, side, dsn)


def unknown_results(table: str, *more: str) -> set[str]:
    return {f"{check}[{table}]" for check in ("READY-READABLE", "DATA-COUNTS", "DATA-ROWS", *more)}


LEDGER = unknown_results("core.ledger", "DATA-RECENT")
DENIALS = [
    (
        "target",
        "revoke select on core.ledger from {role}",
        'grant select on "core"."ledger" to {role};',
    ),
    (
        "source",
        "revoke select on app.ledger from {role}",
        'grant select on "app"."ledger" to {role};',
    ),
    (
        "target",
        "revoke select on core.ledger from {role};"
        "grant select (id, account_id, cents, idem) on core.ledger to {role}",
        "core.ledger: role {role} may not read it (at) on the target; run there: grant select",
    ),
    (
        "target",
        "alter table core.ledger enable row level security;"
        "create policy part on core.ledger to {role} using (id < 100)",
        "core.ledger: row-level security hides rows from role {role} on the target",
    ),
    (
        "source",
        "alter table app.ledger enable row level security",
        "alter role {role} bypassrls;",
    ),
]


@pytest.mark.parametrize(("side", "denial", "says"), DENIALS)
def test_an_unreadable_table_is_unknown_and_others_are_checked(
    pair: Pair, own_lab: Lab, side, denial, says
) -> None:
    admin = getattr(own_lab, side)
    with reader(pair, own_lab, side) as role:
        run(admin, denial.format(role=role))
        # pg_dump of the expected schema needs select on the source's tables too
        results = own_lab.judge("readiness", "load")
    orphans = {"DATA-ORPHANS[core.ledger.ledger_account_id_fkey]"} if side == "target" else set()
    if "(id, account_id" in denial:  # the key's own columns can be read
        orphans = set()
    assert set(results.unknown) == LEDGER | orphans
    assert results.red == {}
    (message,) = set(results.unknown.values())
    assert says.format(role=role) in message


def test_select_on_all_tables_is_enough(pair: Pair, own_lab: Lab) -> None:
    with reader(pair, own_lab, "source"), reader(pair, own_lab, "target"):
        results = own_lab.judge()
    assert (results.red, results.unknown) == ({}, {})


def test_a_schema_without_usage_is_unknown(pair: Pair, own_lab: Lab) -> None:
    admin = own_lab.target
    with reader(pair, own_lab, "target") as role:
        run(admin, f"revoke usage on schema sales from {role}")
        results = own_lab.judge()
    assert results.red == {}
    assert unknown_results("sales.purchases") <= set(results.unknown)
    assert not {i for i in results.unknown if "READABLE" in i} - unknown_results("sales.purchases")
    assert 'grant usage on schema "sales"' in results.text


def test_a_table_unreadable_on_both_sides_is_not_equal(pair: Pair, own_lab: Lab) -> None:
    source, target = own_lab.source, own_lab.target
    with reader(pair, own_lab, "source") as one, reader(pair, own_lab, "target") as other:
        run(source, f"revoke select on app.nothing_yet from {one}")
        run(target, f"revoke select on core.nothing_yet from {other}")
        results = own_lab.judge("readiness", "load")
    assert set(results.unknown) == unknown_results("core.nothing_yet")


def test_the_same_database_on_both_sides_fails(lab: Lab) -> None:
    lab.source = lab.target
    assert "same database" in same_database(lab)["READY-DISTINCT[*]"]


def test_one_database_by_two_host_names_fails(lab: Lab) -> None:
    lab.source = lab.target.replace("host=localhost", "host=127.0.0.1").replace(
        "sslmode=verify-full", "sslmode=require"
    )
    reds = same_database(lab)
    assert "same database" in reds["READY-DISTINCT[*]"]
    assert "source: TLS" in reds["READY-TLS[*]"]


def same_database(lab: Lab) -> dict[str, str]:
    run(lab.target, "alter schema core rename to app", "alter table sales.purchases set schema app")
    run(lab.target, "alter table app.purchases rename to orders")
    run(lab.target, "alter table app.orders rename column ordered_at to placed_at")
    run(lab.target, "alter table app.customers rename column alias to nick")
    run(lab.target, "create schema outside", "create table outside.unrelated (id int)")
    return lab.judge("readiness").red


def test_two_databases_of_one_server_pass(lab: Lab) -> None:
    facts = lab.manifest().source
    assert not facts.is_same_database(replace(facts, database_oid=facts.database_oid + 1))


def test_a_standby_fails_and_a_restored_copy_passes(lab: Lab) -> None:
    facts = lab.manifest().source
    elsewhere = replace(facts, started_at="2020-01-01 00:00:00+00")
    assert facts.is_same_database(replace(elsewhere, in_recovery=True))
    assert replace(elsewhere, in_recovery=True).is_same_database(facts)
    assert not facts.is_same_database(elsewhere)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("mode", ["require", "verify-ca", "prefer"])
def test_tls_without_host_verification_fails(lab: Lab, side: str, mode: str) -> None:
    weak = getattr(lab, side).replace("sslmode=verify-full", f"sslmode={mode}")
    setattr(lab, side, weak)
    assert f"{side}: TLS TLSv1.3, sslmode {mode}" in lab.judge("readiness").red["READY-TLS[*]"]


def test_tls_settings_of_the_environment_apply(lab: Lab, monkeypatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    for side in ("source", "target"):
        setattr(lab, side, getattr(lab, side).replace("sslmode=verify-full", ""))
    assert lab.judge("readiness").red == {}
