"""A slot that is not the recorded one makes the proof UNKNOWN until the ledger begins anew."""

from dataclasses import replace

import pytest
from ledger.rig import Rig

from pgcutover.errors import ServerError, UnreadableError
from pgcutover.ledger.model import SlotState
from pgcutover.ledger.reading.slot import (
    Server,
    SlotFacts,
    describe_identity_fault,
    describe_retained,
)
from pgcutover.verdict import Verdict

DROP = "select pg_drop_replication_slot('{slot}')"
WRITE = "insert into app.a values (1000, 'after')"
FAULTS = {
    "expected plugin pgoutput, found test_decoding": [
        DROP,
        "select pg_create_logical_replication_slot('{slot}', 'test_decoding')",
    ],
    "created again or read by somebody else": [
        WRITE,
        "select pg_replication_slot_advance('{slot}', pg_current_wal_flush_lsn())",
    ],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_another_slot_is_refused_until_the_ledger_begins_anew(shared: Rig, fault: str) -> None:
    shared.begin()
    shared.close()
    shared.run("target", *(statement.format(slot=shared.slot) for statement in FAULTS[fault]))
    for _ in range(2):  # the second time from what is recorded
        with pytest.raises(UnreadableError, match=fault):
            shared.open()
    shared.begin()


def test_a_publication_with_other_settings_is_refused(shared: Rig) -> None:
    shared.begin()
    shared.close()
    name = shared.slot
    for setting in ("publish = 'insert'", "publish_via_partition_root = true"):
        shared.run("source", f"alter publication {name} set ({setting})")
        with pytest.raises(ServerError, match="exists with other settings"):
            shared.open()
    shared.begin()


def test_a_restart_resumes_and_a_slot_read_by_another_is_refused(shared: Rig) -> None:
    shared.begin()
    shared.close()
    shared.run("source", WRITE)
    shared.open()
    proof = shared.prove()
    assert (proof.verdict, proof.differing) == (Verdict.FAIL, {"app.a": 1})
    shared.now.read_once()
    shared.run(
        "source",
        "select pg_terminate_backend(active_pid) from pg_replication_slots"
        f" where slot_name = '{shared.slot}'",
        "insert into app.a values (1001, 'after')",
    )
    shared.open()
    assert shared.prove().differing == {"app.a": 2}


STATE = SlotState("s", "7001", 3, "pgoutput", "db", 900, "5:5:")
SERVER = Server("7001", 3, "db", False, "5:5:")
MB = 1 << 20
FOUND = SlotFacts("pgoutput", "db", 900, 800, "reserved", None, 5 * MB, None)


@pytest.mark.parametrize(
    ("server", "found", "expected"),
    [
        (SERVER, FOUND, ""),
        (replace(SERVER, system_identifier="7002"), FOUND, "another server"),
        (replace(SERVER, timeline=4), FOUND, "expected timeline 3, found 4"),
        (SERVER, None, "does not exist any more"),
        (SERVER, replace(FOUND, wal_status="lost"), "lost WAL"),
        (SERVER, replace(FOUND, database="other"), "in another place"),
        (SERVER, replace(FOUND, confirmed=901), "expected the confirmed position 0/384"),
        (SERVER, replace(FOUND, confirmed=700), ""),
    ],
)
def test_a_slot_is_known_by_server_timeline_plugin_and_position(
    server: Server, found: SlotFacts | None, expected: str
) -> None:
    fault = describe_identity_fault("source", STATE, {700, 900}, server, found)
    assert expected in fault
    assert bool(fault) == bool(expected)


@pytest.mark.parametrize(
    ("facts", "limit_mb", "expected"),
    [
        (FOUND, 0, ""),
        (FOUND, 6, ""),
        (FOUND, 4, "retains 5 MB of WAL, more than the 4 MB"),
        (replace(FOUND, safe_bytes=MB), 0, "lets it retain 1 MB more"),
        (replace(FOUND, wal_status="unreserved"), 0, "past max_slot_wal_keep_size"),
    ],
)
def test_retained_wal_is_compared_with_budget_and_server(
    facts: SlotFacts, limit_mb: float, expected: str
) -> None:
    warning = describe_retained("source", facts, limit_mb)
    assert expected in warning
    assert bool(warning) == bool(expected)
