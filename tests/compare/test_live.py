"""Test that only real differences are CONFIRMED while the application writes and the mover lags."""

import os
import re

import pytest
from compare.lab import Lab, run
from compare.livemover import live

from pgcutover.compare.live.fence import MarkerFence
from pgcutover.errors import ServerError
from pgcutover.mapping import RelationName

# each kind of difference twice; `tox -e live` runs it longer
RUNS = int(os.environ.get("PGCUTOVER_LIVE_RUNS", "6"))
KEYS = 1_000


def marker(lab: Lab, timeout_seconds: float = 20.0) -> MarkerFence:
    return MarkerFence(
        lab.source,
        lab.target,
        RelationName("app", "marker"),
        RelationName("core", "marker"),
        timeout_seconds,
    )


def test_every_run_confirms_only_the_real_difference(own_lab: Lab) -> None:
    faults = (
        "update core.live set v = 'wrong' where id = {}",
        "delete from core.live where id = {}",
        "insert into core.live values (-1000 {}, 1, 'extra')",
    )
    kinds = ("rows changed", "rows missing", "rows extra")
    with live(own_lab.source, own_lab.target, KEYS, lag_seconds=0.5) as application:
        table, manifest = own_lab.table("core.live"), own_lab.manifest()
        in_flight = 0
        for n in range(RUNS):
            written = application.writes
            run(own_lab.target, "create table kept as select * from core.live where id < 0")
            run(own_lab.target, faults[n % 3].format(-1 - n))
            with own_lab.comparer(manifest, fence=marker(own_lab)) as comparer:
                diff = comparer.rows(table)
            (found,) = diff.findings()
            assert (found.kind, found.evidence["count"]) == (kinds[n % 3], 1), found
            assert found.evidence["state"].startswith("CONFIRMED for 1 key behind marker"), found
            in_flight += diff.facts["in_flight"]
            assert application.writes > written
            run(
                own_lab.target,
                "delete from core.live where id < 0",
                "insert into core.live select * from kept",
                "drop table kept",
            )
        assert in_flight > RUNS  # the lag made rows differ


def test_a_stalled_mover_confirms_nothing(own_lab: Lab) -> None:
    """Without the marker a difference may be lag: it fails, but is not CONFIRMED."""
    with live(own_lab.source, own_lab.target, KEYS, lag_seconds=1000.0):
        run(own_lab.target, "delete from core.live where id = -7")
        with own_lab.comparer(fence=marker(own_lab, 0.5)) as comparer:
            (first, *_) = comparer.rows(own_lab.table("core.live")).findings()
    assert "CONFIRMED" not in first.message
    assert re.search(
        "still different after [3-5] rechecks, marker through core.marker", first.message
    )


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_marker_table_that_is_not_replicated_is_reported(own_lab: Lab, side) -> None:
    schema = {"source": "app", "target": "core"}
    for dsn, name in ((own_lab.source, "app"), (own_lab.target, "core")):
        run(dsn, f"create table {name}.marker (id uuid primary key)")
    run(getattr(own_lab, side), f"drop table {schema[side]}.marker")
    with pytest.raises(ServerError, match=rf"{side}: .*marker") as raised:
        marker(own_lab).passes()
    assert "password" not in str(raised.value)
