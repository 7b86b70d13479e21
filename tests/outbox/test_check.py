"""The check OUTBOX: green on an outbox that is settled, red for each fault of it."""

from dataclasses import replace

import pytest
from outbox.rig import OUTBOX, Rig

from pgcutover.catalog import read_manifest
from pgcutover.checks.replication.test_the_outbox_is_settled import (
    test_the_outbox_is_settled as check,
)
from pgcutover.connect import open_session
from pgcutover.errors import ServerError
from pgcutover.outbox.checker import OutboxChecker

__all__: list[str] = []


@pytest.fixture
def checker(rig: Rig) -> OutboxChecker:
    with open_session(rig.dsns.source) as source, open_session(rig.dsns.target) as target:
        manifest = read_manifest(source, target, rig.rules)
    return OutboxChecker(rig.dsns.source, rig.name, OUTBOX, manifest)


def test_each_fault_of_the_outbox_is_red(rig: Rig, checker: OutboxChecker) -> None:
    def failure(limit: str = "", value: float = 0) -> str:
        checker._limits = replace(OUTBOX, **{limit: value}) if limit else OUTBOX
        with pytest.raises(AssertionError) as raised:
            check(checker)
        return str(raised.value)

    rig.source("insert into app.readings values (1, '2026-01-05', 1), (2, '2026-01-05', 1)")
    check(checker)
    assert "the outbox has 2 entries, expected at most 1" in failure("max_entries", 1)
    assert "the oldest entry is" in failure("max_age_seconds", 1e-9)
    rig.source("insert into pgcutover.outbox_parked values (1, '{7}', 1, 'check violation')")
    checker._limits = OUTBOX
    assert "the target refused 1 key: check violation" in failure()
    rig.source("truncate pgcutover.outbox_parked")
    rig.source("alter table app.metrics_1 disable trigger pgcutover_outbox")
    assert "pgcutover_outbox of app.metrics_1 does not always fire" in failure()
    rig.source("alter table app.metrics_1 enable always trigger pgcutover_outbox")
    rig.source("create table app.metrics_3 partition of app.metrics default")
    assert "app.metrics_3 lacks trigger pgcutover_outbox_truncate" in failure()
    rig.install()
    check(checker)
    rig.source("drop table app.metrics_3")
    assert "app.metrics: partition app.metrics_3 was dropped, detached or" in failure()
    rig.install()
    check(checker)
    checker._migration = "another"
    with pytest.raises(ServerError, match="of migration 'test'"):
        check(checker)
