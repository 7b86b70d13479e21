"""Rows really move: full load, then every change, in order."""

from awslocal.rig import Workshop, both


def test_full_load_and_changes_arrive(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.note (id int primary key, body text)")
    task = workshop.task()
    task.source("insert into public.note select n, 'body ' || n from generate_series(1, 3000) n")
    task.start()
    task.loaded()
    assert task.target("select count(*), max(body) from public.note") == [(3000, "body 999")]
    task.source("insert into public.note values (5000, 'new')")
    task.source("update public.note set body = 'changed' where id = 1")
    task.source("delete from public.note where id = 2")
    task.arrives(
        "select string_agg(id || body, ',' order by id) from public.note where id in (1, 2, 5000)",
        "1changed,5000new",
    )
    statistics = task.statistics("note")
    assert statistics["TableState"] == "Table completed"
    assert statistics["FullLoadRows"] == 3000
    counted = (
        "Inserts",
        "Updates",
        "Deletes",
        "AppliedInserts",
        "AppliedUpdates",
        "AppliedDeletes",
    )
    assert [statistics[name] for name in counted] == [1] * 6
    assert task.stop()["StopReason"] == "Stop Reason NORMAL"
