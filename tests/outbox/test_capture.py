"""Capture by triggers: every way to change a row leaves its keys in the outbox."""

import psycopg
import pytest
from compare.lab import rule
from outbox.rig import OUTBOX, Rig

from pgcutover.catalog.manifest import mapped_tables
from pgcutover.connect import open_owner
from pgcutover.errors import PgCutoverError
from pgcutover.mapping import parse_rules
from pgcutover.outbox.install import plan_install
from pgcutover.schema.explained.own_triggers import NOT_OWN_TRIGGER


def test_each_way_to_change_rows_leaves_their_keys(rig: Rig) -> None:
    rig.source(
        "insert into app.people (id) values (1), (2)", "update app.people set id = 9 where id = 2"
    )
    assert rig.entries() == [
        ("people", ["1"]),
        ("people", ["2"]),
        ("people", ["9"]),
        ("people", ["2"]),
    ]
    rig.reset()
    rig.source(
        "insert into app.people (id) values (1)",
        "insert into app.people (id, parent) values (3, 1)",
        "truncate pgcutover.outbox",
        "delete from app.people where id = 1",
    )
    assert sorted(rig.entries()) == [("people", ["1"]), ("people", ["3"])]  # by the cascade too


def test_a_partition_is_captured_under_the_name_of_its_table(rig: Rig) -> None:
    rig.source("insert into app.metrics_1 values (1, '2026-01-05', 1)")
    rig.source("update app.metrics set day = '2026-02-05'", "truncate app.metrics_2")
    first, second = ["1", "2026-01-05"], ["1", "2026-02-05"]
    found = rig.entries()
    assert ("metrics", first) in found
    assert ("metrics", second) in found
    assert found[-1] == ("metrics", None)
    rig.source(
        "create table app.metrics_3 partition of app.metrics"
        " for values from ('2026-03-01') to ('2026-04-01')"
    )
    try:
        rig.source("insert into app.metrics_3 values (7, '2026-03-05', 1)")
        assert rig.entries()[-1] == ("metrics", ["7", "2026-03-05"])
        rig.install()  # adds what a new partition lacks
        rig.source("truncate app.metrics_3")
        assert rig.entries()[-1] == ("metrics", None)
    finally:
        rig.source("drop table app.metrics_3")


def test_keys_do_not_depend_on_settings_and_triggers_always_fire(rig: Rig) -> None:
    rig.source(
        "set datestyle = 'SQL, DMY'; set extra_float_digits = -5; set timezone = 'Asia/Tokyo';"
        " set session_replication_role = replica;"
        " insert into app.stamps values ('2026-01-05 12:00+00', 0.1::float8 + 0.2, 1)"
    )
    assert rig.entries() == [("stamps", ["2026-01-05 12:00:00+00", "0.30000000000000004"])]


def test_a_role_without_rights_on_the_outbox_is_captured(rig: Rig) -> None:
    role = f"role_{rig.databases.name}"
    rig.source(
        f"create role {role}; grant usage on schema app to {role};"
        f" grant all on app.people to {role}"
    )
    try:
        rig.source(
            f"set role {role}; set search_path = pg_temp, app;"
            " insert into app.people (id) values (5)"
        )
        assert rig.entries() == [("people", ["5"])]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rig.source(f"set role {role}; select from pgcutover.outbox")
    finally:
        rig.source(f"drop owned by {role}; drop role {role}")


def refusal(rig: Rig, *statements: str, name: str = "test", rules: object = None) -> str:
    with (
        open_owner(rig.databases.source) as connection,
        connection.transaction(force_rollback=True),
    ):
        for statement in statements:
            connection.execute(statement.encode())
        mapped = mapped_tables(rig.rules, connection)
        with pytest.raises(PgCutoverError) as raised:
            plan_install(connection, name, OUTBOX, rules or rig.rules, mapped)  # type: ignore[arg-type]
    return str(raised.value)


def test_what_would_carry_or_meet_the_outbox_is_refused(rig: Rig) -> None:
    assert "would carry pgcutover.outbox" in refusal(rig, "create publication p for all tables")
    assert "would carry" in refusal(rig, "create publication p for tables in schema pgcutover")
    everything = parse_rules({"rules": [rule(1, "selection", "include", "%", "%")]}, "rules")
    assert "excludes schema pgcutover" in refusal(rig, rules=everything)
    assert "of migration 'test'" in refusal(rig, name="another")
    own = "create trigger pgcutover_outbox after insert on app.stamps execute function app.stamp()"
    assert "not of pgcutover" in refusal(rig, "drop trigger pgcutover_outbox on app.stamps", own)
    role = f"plain_{rig.databases.name}"
    rights = f"create role {role}; grant select on all tables in schema pgcutover to {role}"
    text = refusal(
        rig, f"{rights}; grant usage on schema pgcutover, app to {role}; set local role {role}"
    )
    assert "to own the captured tables" in text


def test_install_waits_briefly_and_tries_again(rig: Rig) -> None:
    rig.source("drop trigger pgcutover_outbox_truncate on app.stamps")
    with psycopg.connect(rig.databases.source) as other:
        other.execute("lock app.stamps in row exclusive mode")
        with pytest.raises(PgCutoverError, match=r"lock on app\.stamps within 0\.2 s"):
            rig.install()
    rig.install()
    assert rig.source(
        "select 1 from pg_trigger where tgname = 'pgcutover_outbox_truncate'"
        " and tgrelid = 'app.stamps'::regclass and tgenabled = 'A'"
    )


def test_uninstall_leaves_nothing_and_the_plan_names_what_is_not_captured(rig: Rig) -> None:
    with open_owner(rig.databases.source) as connection:
        mapped = mapped_tables(rig.rules, connection)
        plan, steps = plan_install(connection, "test", OUTBOX, rig.rules, mapped)
    assert steps == []
    assert [w.split(",")[0] for w in plan.warnings()] == [
        "app.keyless is not captured: it has no key that moves"
    ]
    ours = "select count(*) from pg_trigger t where tgname like 'pgcutover%'"
    assert rig.source(ours)[0][0] > 0
    assert rig.source(f"{ours} and {NOT_OWN_TRIGGER}") == [(0,)]  # no schema check sees them
    rig.uninstall()
    left = (
        "select 1 from pg_trigger where tgname like 'pgcutover%'"
        " union all select 1 from pg_namespace where nspname = 'pgcutover'"
    )
    assert rig.source(left) == []
    rig.source("insert into app.people (id) values (1)")
    rig.install()
    assert rig.entries() == []
