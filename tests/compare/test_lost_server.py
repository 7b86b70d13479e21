"""Test that a server killed during a run leaves UNKNOWN results and keeps the earlier ones."""

import os
import signal
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
from compare.lab import Lab, build_source, build_target, run

from pgcutover.compare.scan import sessions
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.errors import PgCutoverError, ServerError, UnreadableError


@pytest.fixture
def own_servers() -> Iterator[dict[str, RunningServer]]:
    specs = [ServerSpec("source", 15), ServerSpec("target", 17)]
    with servers(specs, progress=lambda _: None) as running:
        yield running


def kill_all(dsn: str, postmaster: int) -> None:
    """Kill the server and its sessions together: a busy session notices a lost postmaster late."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        ours = connection.execute(
            "select pid from pg_stat_activity where application_name = 'pgcutover'"
        ).fetchall()
    for pid in (postmaster, *(pid for (pid,) in ours)):
        os.kill(pid, signal.SIGKILL)


def test_a_killed_server_makes_all_remaining_tables_unknown(own_servers) -> None:
    lab = Lab(own_servers["source"].dsn(), own_servers["target"].dsn())
    build_source(lab.source)
    build_target(lab.target)
    manifest = lab.manifest()
    answers: dict[str, str] = {}
    with lab.comparer(manifest) as comparer:
        for n, table in enumerate(manifest.tables):
            if n == 5:
                kill_all(lab.target, own_servers["target"].pid)
            try:
                answers[str(table)] = "differs" if comparer.rows(table) else "equal"
            except (UnreadableError, ServerError) as error:
                answers[str(table)] = str(error)
    results = list(answers.values())
    assert results[:5] == ["equal"] * 5
    assert len(results) == len(manifest.tables) > 10
    assert all("target" in text for text in results[5:])
    assert not {"equal", "differs"} & set(results[5:])


def test_a_table_dropped_after_the_manifest_is_unknown(lab: Lab) -> None:
    manifest = lab.manifest()
    run(lab.target, "drop table core.session_cache, core.line_notes")
    with lab.comparer(manifest) as comparer:
        for ask in (comparer.rows, comparer.counts):
            with pytest.raises(UnreadableError, match=r"core\.session_cache: the target"):
                ask(manifest.target_table("core.session_cache"))
        assert not comparer.rows(manifest.target_table("core.kv"))
        keys = {str(k): k for k in manifest.kinds()["foreign_key"]}
        with pytest.raises(UnreadableError, match="line_notes_item_fk: the target"):
            comparer.orphans(keys["core.line_notes.line_notes_item_fk"])
        assert not comparer.orphans(keys["core.aliases.aliases_code_fkey"])


def test_a_column_dropped_after_the_manifest_is_unknown(lab: Lab) -> None:
    manifest = lab.manifest()
    run(lab.target, "alter table core.kv drop column v")
    with (
        lab.comparer(manifest) as comparer,
        pytest.raises(UnreadableError, match="the target lacks v, which it had"),
    ):
        comparer.rows(manifest.target_table("core.kv"))


def test_a_lock_timeout_is_unknown_and_the_next_table_is_compared(lab: Lab, monkeypatch) -> None:
    impatient = partial(sessions.open_session, lock_timeout_seconds=0.2)
    monkeypatch.setattr(sessions, "open_session", impatient)
    manifest = lab.manifest()
    with psycopg.connect(lab.target) as other, lab.comparer(manifest) as comparer:
        other.execute("lock table core.kv in access exclusive mode")
        with pytest.raises(PgCutoverError, match=r"target: core\.kv: locked by pid"):
            comparer.rows(manifest.target_table("core.kv"))
        other.rollback()
        assert not comparer.rows(manifest.target_table("core.kv"))
