"""Test numbered scripts: each runs once, in order, in one transaction, and must not change."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from support.kgc import quiet

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.applied_steps import journal
from pgcutover.provision.scripts import apply, plan

Folder = Callable[[dict[str, str]], Path]


def relations(conn: Connection) -> set[str]:
    """Return everything that scripts created, without the journal."""
    rows = conn.execute(
        "select n.nspname || '.' || c.relname from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname !~ '^(pg_|information_schema|pgcutover)'"
        " union all select nspname from pg_namespace where nspname !~ '^pg_'"
    )
    return {str(name) for (name,) in rows}


def test_scripts_run_by_number_and_gaps_are_fine(target: Connection, folder: Folder) -> None:
    scripts = folder(
        {
            "10_fill.sql": "insert into t values (2)",
            "2_make.sql": "create table t (i int);\ninsert into t values (1);",
        }
    )
    done = apply(target, scripts, "pre-load", quiet)
    assert [(a.phase, a.script) for a in done] == [
        ("pre-load", "2_make.sql"),
        ("pre-load", "10_fill.sql"),
    ]
    assert target.execute("select array_agg(i order by i) from t").fetchone() == ([1, 2],)


def test_the_journal_holds_checksum_time_and_transaction(
    target: Connection, folder: Folder
) -> None:
    (done,) = apply(target, folder({"01_a.sql": "create table a ()"}), "pre-load", quiet)
    assert done.sha256 == hashlib.sha256(b"create table a ()").hexdigest()
    row = target.execute("select xmin::text::bigint from pg_class where relname = 'a'").fetchone()
    assert row == (done.xid,)
    assert journal(target) == [done]


def test_the_second_run_does_nothing(target: Connection, folder: Folder) -> None:
    scripts = folder({"01_a.sql": "create table a ()"})
    apply(target, scripts, "pre-load", quiet)
    assert apply(target, scripts, "pre-load", quiet) == []


def test_an_applied_script_that_changed_is_refused_with_both_checksums(
    target: Connection, folder: Folder
) -> None:
    apply(target, folder({"01_a.sql": "create table a ()"}), "pre-load", quiet)
    changed = "create table a (); create table b ()"
    scripts = folder({"01_a.sql": changed, "02_c.sql": "create table c ()"})
    with pytest.raises(ProvisionError) as failure:
        apply(target, scripts, "pre-load", quiet)
    for text in ("create table a ()", changed):
        assert hashlib.sha256(text.encode()).hexdigest() in str(failure.value)
    assert not {"public.b", "public.c"} & relations(target)


def test_an_applied_script_that_is_gone_is_refused(target: Connection, folder: Folder) -> None:
    scripts = folder({"01_a.sql": "create table a ()"})
    apply(target, scripts, "pre-load", quiet)
    (scripts / "pre-load" / "01_a.sql").rename(scripts / "pre-load" / "01_renamed.sql")
    with pytest.raises(ProvisionError, match=r"pre-load/01_a\.sql was applied .* but is gone"):
        plan(target, scripts, "pre-load")


def test_a_new_script_before_an_applied_one_is_refused(target: Connection, folder: Folder) -> None:
    apply(target, folder({"05_a.sql": "create table a ()"}), "pre-load", quiet)
    with pytest.raises(ProvisionError, match=r"02_b\.sql is new.*give it a number above 5"):
        plan(target, folder({"02_b.sql": "create table b ()"}), "pre-load")


def test_one_number_twice_is_refused(target: Connection, folder: Folder) -> None:
    scripts = folder({"01_a.sql": "select 1", "1_b.sql": "select 1"})
    with pytest.raises(ProvisionError, match=r"01_a\.sql and 1_b\.sql have the same number"):
        plan(target, scripts, "pre-load")


@pytest.mark.parametrize("name", ["a.sql", "01-a.sql", "01_a.txt", "01_.sql", "README.md"])
def test_a_file_name_that_does_not_fit_is_refused(
    target: Connection, folder: Folder, name: str
) -> None:
    with pytest.raises(ProvisionError, match=f"pre-load/{name}: expected a file named NN_"):
        plan(target, folder({name: "select 1"}), "pre-load")


def test_a_missing_folder_is_named(target: Connection, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="no such folder"):
        plan(target, tmp_path, "post-load")


def test_a_plan_writes_nothing(target: Connection, folder: Folder) -> None:
    target.execute("set default_transaction_read_only = on")
    (pending,) = plan(target, folder({"01_a.sql": "create table a ()"}), "pre-load")
    assert (pending.name, pending.number) == ("01_a.sql", 1)


@pytest.mark.parametrize(
    ("text", "line", "sqlstate"),
    [
        ("create table b ();\n\ncreate table b ();\nselect 1;", 3, "42P07"),
        ("create table b ();\nselect 1,\n  nope\nfrom b;", 3, "42703"),
        ("create table b ();\ndo $$\nbegin\n  raise 'no';\nend\n$$;", 2, "P0001"),
        ("create table b ();\n\nselec 1;", 3, "42601"),
    ],
)
def test_a_failing_script_names_file_line_and_sqlstate_and_leaves_no_trace(
    target: Connection, folder: Folder, text: str, line: int, sqlstate: str
) -> None:
    apply(target, folder({"01_a.sql": "create table a ()"}), "pre-load", quiet)
    before, applied = relations(target), journal(target)
    with pytest.raises(ProvisionError, match=f"pre-load/02_b.sql line {line}: SQLSTATE {sqlstate}"):
        apply(target, folder({"02_b.sql": text}), "pre-load", quiet)
    assert (relations(target), journal(target)) == (before, applied)


def test_a_failing_first_script_does_not_even_leave_a_journal(
    target: Connection, folder: Folder
) -> None:
    with pytest.raises(ProvisionError):
        apply(target, folder({"01_a.sql": "select nope"}), "pre-load", quiet)
    assert target.execute("select to_regnamespace('pgcutover')").fetchone() == (None,)


def test_a_corrected_script_runs(target: Connection, folder: Folder) -> None:
    with pytest.raises(ProvisionError):
        apply(target, folder({"01_a.sql": "select nope"}), "pre-load", quiet)
    (done,) = apply(target, folder({"01_a.sql": "select 1"}), "pre-load", quiet)
    assert done.script == "01_a.sql"


@pytest.mark.parametrize("text", ["create index concurrently i on t (i)", "vacuum t"])
def test_what_cannot_run_in_a_transaction_is_explained(
    target: Connection, folder: Folder, text: str
) -> None:
    target.execute("create table t (i int)")
    with pytest.raises(ProvisionError, match="cannot run inside a transaction, and each script"):
        apply(target, folder({"01_a.sql": text}), "pre-load", quiet)


@pytest.mark.parametrize(
    "word", ["begin", "COMMIT", "end", "rollback", "abort", "start transaction"]
)
def test_a_script_cannot_end_its_own_transaction(
    target: Connection, folder: Folder, word: str
) -> None:
    scripts = folder({"01_a.sql": f"create table a ();\n{word};\ncreate table b ();"})
    with pytest.raises(ProvisionError, match=r"01_a\.sql line 2: .* would end the script's own"):
        apply(target, scripts, "pre-load", quiet)
    assert not {"public.a", "public.b"} & relations(target)


def test_a_savepoint_is_allowed(target: Connection, folder: Folder) -> None:
    text = "savepoint s; create table a (); rollback to s; create table b (); release s"
    apply(target, folder({"01_a.sql": text}), "pre-load", quiet)
    assert relations(target) & {"public.a", "public.b"} == {"public.b"}


def test_a_command_of_psql_is_refused(target: Connection, folder: Folder) -> None:
    with pytest.raises(ProvisionError, match=r"line 1: '\\\\set' is a command of psql"):
        apply(target, folder({"01_a.sql": "\\set x 1\nselect 1;"}), "pre-load", quiet)


def test_row_values_stay_out_of_the_message(target: Connection, folder: Folder) -> None:
    target.execute("create table t (name text unique); insert into t values ('Jane Citizen')")
    text = "insert into t values ('Jane Citizen')"
    with pytest.raises(ProvisionError, match="23505") as failure:
        apply(target, folder({"01_a.sql": text}), "pre-load", quiet)
    assert "Jane" not in str(failure.value)


def test_settings_and_role_of_one_script_do_not_reach_the_next(
    target: Connection, folder: Folder
) -> None:
    first = "create schema s; create role r1; set search_path = s; set role r1"
    scripts = folder({"01_a.sql": first, "02_b.sql": "create table whose ()"})
    try:
        apply(target, scripts, "pre-load", quiet)
        owner = target.execute(
            "select schemaname, tableowner from pg_tables where tablename='whose'"
        )
        assert owner.fetchone() == ("public", "postgres")
    finally:
        target.execute("drop role if exists r1")


def test_a_constraint_that_speaks_up_at_commit_is_reported(
    target: Connection, folder: Folder
) -> None:
    target.execute("create table p (i int primary key)")
    target.execute("create table c (i int references p deferrable initially deferred)")
    with pytest.raises(ProvisionError, match=r"01_a\.sql: not committed: .*23503"):
        apply(target, folder({"01_a.sql": "insert into c values (1)"}), "pre-load", quiet)
    assert journal(target) == []


def test_two_runs_at_once_apply_each_script_once(target_dsn: str, folder: Folder) -> None:
    scripts = folder({"01_a.sql": "create table a (); select pg_sleep(0.3)"})
    done: list[int] = []

    def run() -> None:
        with psycopg.connect(target_dsn, autocommit=True) as conn:
            done.append(len(apply(conn, scripts, "pre-load", quiet)))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 1]


def test_a_connection_in_a_transaction_is_refused(target_dsn: str, folder: Folder) -> None:
    with psycopg.connect(target_dsn) as conn, pytest.raises(ValueError, match="autocommit"):
        apply(conn, folder({"01_a.sql": "select 1"}), "pre-load", quiet)
