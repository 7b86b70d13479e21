"""The relay: whatever the source did, both sides are equal when the outbox is empty."""

from threading import Event

import psycopg
import pytest
from outbox.rig import Rig

from pgcutover.outbox.opening import read_captured
from pgcutover.outbox.relay import Relay
from pgcutover.outbox.run import replay_table, run_relay
from pgcutover.outbox.source import open_relay

PEOPLE = "insert into app.people (id, email, name, note, born, secret)"


def test_rows_of_every_kind_arrive_and_their_triggers_do_not_fire_again(rig: Rig) -> None:
    rig.source(
        f"""{PEOPLE} values (1, 'a', 'x', e'q"\\\\\\',{{}}\\n', '2026-01-05', 's')""",
        f"{PEOPLE} values (2, null, '', '', null, '')",
        "insert into app.people (id, parent) values (3, 1)",
        "insert into app.visits (person, at, cost)"
        " values (1, '2026-01-05 12:00+10', 1.50), (1, null, 'NaN')",
        "insert into app.metrics values (1, '2026-01-05', 0.1::float8 + 0.2),"
        " (1, '2026-02-05', 'infinity')",
        "insert into app.stamps values ('2026-01-05 12:00:00.123456+10', 0.30000000000000004, 1)",
        "insert into app.readings select n, date '2026-01-01' + n, n from generate_series(1, 40) n",
    )
    rig.settled()
    assert rig.target("select remark from core.persons where id = 1") == [("q\"\\',{}\n!",)]
    rig.source(
        "update app.people set id = 9 where id = 1",  # cascades to people 3 and both visits
        "delete from app.metrics where day < '2026-02-01'",
        "update app.readings set day = day + 30, v = v + 1 where id < 20",
        "update app.stamps set at = at + interval '1 microsecond'",
    )
    rig.settled()
    rig.source(
        "delete from app.people where id = 9",
        f"{PEOPLE} values (9, 'a')".replace(", email, name, note, born, secret", ", email"),
    )
    rig.settled()


def test_unique_values_that_swap_or_go_round_a_cycle_arrive(rig: Rig) -> None:
    rig.source(
        "insert into app.people (id, email) select n, 'm' || n from generate_series(1, 60) n"
    )
    rig.settled()
    rig.source(
        "begin; update app.people set email = null where id in (1, 2);"
        " update app.people set email = 'm2' where id = 1;"
        " update app.people set email = 'm1' where id = 2; commit",
        "begin; update app.people set email = 'x' || email where id between 10 and 50; commit",
        "begin;"
        " update app.people set email = 'xm' || (case id when 50 then 10 else id + 1 end) || 't'"
        " where id between 10 and 50; update app.people set email = rtrim(email, 't')"
        " where id between 10 and 50; commit",
    )
    rig.settled()


def test_keys_of_two_texts_and_fixed_identities_arrive(rig: Rig) -> None:
    rig.source("insert into app.rates values (1.0, 1), (2.50, 2)")
    rig.source("insert into app.numbered values (1, 1), (2, 1)")
    rig.settled()
    rig.source("update app.rates set rate = round(rate, 3)", "update app.numbered set v = 2")
    rig.source("delete from app.rates where v = 2")
    rig.settled()


def test_big_rows_are_written_in_small_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgcutover.outbox.relay.MAX_BYTES", 2_000)
    monkeypatch.setattr("pgcutover.outbox.source._CHUNK", 5)
    rig.source(
        "insert into app.people (id, note) select n, repeat('x', 900) from generate_series(1, 40) n"
    )
    with rig.relay() as relay:
        assert 0 < relay._settle_buckets(range(64)) < 20
    rig.settled()


def test_truncate_is_settled_with_the_rows_inserted_after_it(rig: Rig) -> None:
    rig.source(
        "insert into app.metrics"
        " select n, date '2026-01-01' + n % 50, n from generate_series(1, 90) n"
    )
    rig.settled()
    rig.source("truncate app.metrics_1; insert into app.metrics values (500, '2026-01-05', 1)")
    rig.settled()
    rig.source("truncate app.metrics")
    rig.settled()


def test_a_refused_key_is_parked_stops_nobody_and_is_replayed(rig: Rig) -> None:
    rig.target("alter table core.persons add check (remark not like 'bad%')")
    rig.source(
        "insert into app.people (id, note)"
        " select n, case n when 7 then 'bad' else 'good' end from generate_series(1, 30) n"
    )
    rig.drain()
    here, there = rig.differences()["app.people"]
    assert (len(here), len(there)) == (1, 0)
    ((key, reason),) = rig.source("select key, reason from pgcutover.outbox_parked")
    assert key == ["7"]
    assert "check violation" in reason
    assert "bad" not in reason
    rig.target("alter table core.persons drop constraint persons_remark_check")
    rig.source("update app.people set note = 'bad2' where id = 7")
    rig.settled()


def test_a_table_is_replayed_whole(rig: Rig) -> None:
    rig.source("insert into app.readings values (1, '2026-01-05', 1), (2, '2026-01-06', 2)")
    rig.settled()
    rig.target(
        "delete from app.readings where id = 1;"
        " insert into app.readings values (3, '2026-01-06', 2)"
    )
    with open_relay(rig.databases.source) as connection:
        _, plan = read_captured(connection, rig.name, rig.rules)
        replay_table(connection, next(t for t in plan.tables if t.name.name == "readings"))
    rig.settled()


def test_relays_at_once_with_a_prepared_transaction_elsewhere(rig: Rig) -> None:
    with psycopg.connect(rig.databases.servers.source.dsn(), autocommit=True) as other:
        other.execute("begin; select txid_current()")
        other.execute(f"prepare transaction '{rig.databases.name}'".encode())
        try:
            with rig.relay() as one, rig.relay() as two:
                for n, setting in enumerate(("on", "off")):
                    rig.source(
                        f"set synchronous_commit = {setting};"
                        f"insert into app.readings select {n} * 100 + g, '2026-01-05', g"
                        " from generate_series(1, 100) g"
                    )
                    one.run_once()
                    two.run_once()
                while one.source.pending():
                    assert one.run_once() + two.run_once()
        finally:
            other.execute(f"rollback prepared '{rig.databases.name}'".encode())
    rig.settled()


def test_a_table_that_is_captured_later_is_relayed_too(rig: Rig) -> None:
    stop, said = Event(), []
    relays = [rig.new_relay()]

    def opened() -> Relay:
        if relays:
            return relays.pop()
        relay = rig.new_relay()
        relay.hook = lambda step: stop.set() if step == "deleted" else None
        return relay

    for run in (rig.source, rig.target):
        run("create table app.later (id int primary key)")
    try:
        rig.install()
        rig.source("insert into app.later values (7)")
        run_relay(opened, stop, 0.01, said.append)
        assert said == ["a table was captured: reading the catalogs again"]
        assert rig.target("select id from app.later") == [(7,)]
    finally:
        rig.uninstall()
        for run in (rig.source, rig.target):
            run("drop table app.later")
        while rig.relays:  # they know other numbers of tables
            rig.relays.pop().close()
        rig.install()
