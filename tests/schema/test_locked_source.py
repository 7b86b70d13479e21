"""A lock on the source cannot keep pg_dump, and with it the run, waiting without a limit."""

import psycopg
import pytest
from compare.lab import run
from support.servers import TARGET_MAJOR

from pgcutover.errors import UnreadableError
from pgcutover.schema.expected.build import Recipe, expected_schema


def test_a_dump_that_waits_for_a_lock_ends_and_names_it(
    fresh_database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgcutover.connect.opening.LOCK_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr("pgcutover.schema.expected.build.LOCKED_DUMP_SECONDS", 1.5)
    source, target = fresh_database("source"), fresh_database("target")
    run(
        source,
        "create table held (id int)",
        "create function f() returns bigint begin atomic select count(*) from public.held; end",
    )
    recipe = Recipe(source, target, TARGET_MAJOR, "held", "UTF8", (), None, target)
    with psycopg.connect(source, application_name="nightly job") as session:
        session.execute("lock table held in access exclusive mode")
        with pytest.raises(UnreadableError, match=r"^source: public\.held: locked by pid .*1\.5 s"):
            expected_schema(recipe, lambda _: None)
    with psycopg.connect(source) as session:
        waiting = session.execute(
            "select pid from pg_stat_activity"
            " where application_name = 'pg_dump' and datname = current_database()"
        ).fetchall()
    assert waiting == []
