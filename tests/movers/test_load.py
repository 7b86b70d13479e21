"""Test full load, the stop after it, changes and drain with rows on two real servers."""

import psycopg
import pytest

from pgcutover.errors import MoverError
from pgcutover.movers.dms import with_lob_limit
from pgcutover.movers.dms.poll import wait_for


def test_load_stops_for_the_schema_then_resumes_and_drains(stage):
    mover = stage.mover()
    mover.provision()
    mover.start()
    summary = mover.wait_until_loaded(stage.deadline_seconds)
    assert (summary.rows, summary.errored) == (820, ())
    assert mover.status().stop_reason == "STOPPED_AFTER_CACHED_EVENTS"
    assert stage.target("select count(*) from auth.users") == [(300,)]
    assert any("820 rows in 4 tables" in line for line in stage.lines)

    stage.source("update public.users set name = 'changed' where id = 7")
    stage.source("delete from public.visits where id = 9")
    mover.start()  # nothing is missing: it is loaded
    assert stage.target("select name from auth.users where id = 7") == [("user 7",)]

    mover.resume()
    mover.resume()
    mover.start()
    assert mover.wait_until_loaded(1).rows == 820
    drained = mover.drain(stage.marker, stage.deadline_seconds)
    assert drained.unapplied == ()
    assert stage.target("select name from auth.users where id = 7") == [("changed",)]
    assert stage.target("select count(*) from public.visits where id = 9") == [(0,)]

    mover.stop()
    mover.stop()
    assert mover.status().status == "stopped"
    with pytest.raises(MoverError, match="expected running"):
        mover.drain(stage.marker, 5)
    mover.resume()
    mover.drain(stage.marker, stage.deadline_seconds)


def test_a_load_that_was_never_started_is_not_waited_for(stage):
    mover = stage.mover()
    mover.provision()
    with pytest.raises(MoverError, match="never started"):
        mover.wait_until_loaded(stage.deadline_seconds)
    with pytest.raises(MoverError, match="start it first"):
        mover.resume()


def test_a_wait_that_ends_early_can_be_repeated(stage):
    mover = stage.mover()
    mover.provision()
    with psycopg.connect(stage.target_dsn) as blocker:
        blocker.execute("lock table auth.users in access exclusive mode")
        mover.start()
        with pytest.raises(MoverError, match=r"not done after 0\.5 s; .*again"):
            mover.wait_until_loaded(0.5)
    assert mover.wait_until_loaded(stage.deadline_seconds).rows == 820


def test_table_that_cannot_be_loaded_is_named_and_the_rest_is_loaded(stage):
    stage.target("alter table public.visits add check (id < 400)")
    mover = stage.mover()
    mover.provision()
    mover.start()
    summary = mover.wait_until_loaded(stage.deadline_seconds)
    assert summary.errored == ("public.visits",)
    assert "load: in error: public.visits" in stage.lines
    assert stage.target("select count(*) from auth.users") == [(300,)]


def test_drain_ends_when_the_marker_does_not_arrive_or_the_task_stops(stage):
    mover = stage.loaded()
    mover.resume()
    with pytest.raises(MoverError, match=r"marker .*not done after 0\.5 s"):
        mover.drain(lambda: lambda: False, 0.5)

    def stopped_meanwhile():
        mover.stop()
        return lambda: False

    with pytest.raises(MoverError, match=r"is stopped .*; resume it"):
        mover.drain(stopped_meanwhile, stage.deadline_seconds)


def test_a_value_above_the_lob_limit_is_never_truncated_silently(stage):
    staged = {"FullLoadSettings": {"StopTaskCachedChangesApplied": True}}
    mover = stage.mover(task_settings=with_lob_limit(staged, 1))
    mover.provision()
    with pytest.raises(MoverError, match=r"LOB of public\.users was truncated"):
        start_and_wait(mover, stage)


def test_lag_and_report_show_the_values_of_dms(stage):
    mover = stage.loaded()
    mover.resume()
    mover.drain(stage.marker, stage.deadline_seconds)
    lag = wait_for(
        lambda: mover.lag() if mover.lag().source_seconds is not None else None,
        what="metrics",
        timeout_seconds=20,
        poll_seconds=0.2,
    )
    assert 0 <= lag.source_seconds <= lag.target_seconds < 30
    report = mover.report()
    assert (report.task_status, report.instance_class) == ("running", "dms.t3.medium")
    assert report.tables["public.users"]["full_load_rows"] == 300
    assert report.tables["public.log"]["dms_validation"] == "No primary key"


def start_and_wait(mover, stage):
    mover.start()
    mover.wait_until_loaded(stage.deadline_seconds)
