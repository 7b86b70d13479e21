"""Full load, staged stop, changes, drain: real rows between two real servers."""


def test_load_stops_for_the_schema_then_resumes_and_drains(stage):
    mover = stage.mover()
    mover.provision()
    mover.start()
    summary = mover.wait_until_loaded(30)
    assert (summary.rows, summary.errored) == (820, ())
    assert mover.status().stop_reason == "STOPPED_AFTER_CACHED_EVENTS"
    assert stage.target("select count(*) from auth.users") == [(300,)]

    stage.source("update public.users set name = 'changed' where id = 7")
    stage.source("delete from public.visits where id = 9")
    assert stage.target("select name from auth.users where id = 7") == [("user 7",)]
    mover.resume()
    drained = mover.drain(stage.marker, 30)
    assert drained.seconds < 30
    assert stage.target("select name from auth.users where id = 7") == [("changed",)]
    assert stage.target("select count(*) from public.visits where id = 9") == [(0,)]

    mover.stop()
    assert mover.status().status == "stopped"
    mover.stop()
