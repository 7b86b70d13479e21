"""Test that secrets and values are removed from texts."""

import psycopg
import pytest

from pgcutover.error_texts.database_errors import (
    LockHolder,
    describe_error,
    describe_locks,
    unreadable_on_error,
)
from pgcutover.errors import UnreadableError
from pgcutover.text.redact import without_passwords


@pytest.mark.parametrize(
    "text",
    [
        "host=h password=hunter2 user=u",
        "host=h password='hun ter2' user=u",
        "postgresql://u:hunter2@h/db",
        "PASSWORD = hunter2",
    ],
)
def test_passwords_are_blanked(text):
    assert "ter2" not in without_passwords(text)


def test_other_text_is_kept():
    assert without_passwords("connection to server at h failed") == (
        "connection to server at h failed"
    )


@pytest.mark.parametrize(
    ("statement", "described"),
    [
        (
            "create index concurrently secret on parted (id)",
            "cannot create index on partitioned table ... concurrently (SQLSTATE 0A000)",
        ),
        (
            "do $$ begin raise exception 'secret' using errcode = '0A000'; end $$",
            "feature not supported (SQLSTATE 0A000) raised in a DO block",
        ),
        (
            "select app_raises(1)",
            "feature not supported (SQLSTATE 0A000) raised in function app_raises(integer)",
        ),
        ("select 'secret'::int", "invalid text representation (SQLSTATE 22P02)"),
    ],
)
def test_an_unsupported_operation_is_named_without_values(databases, statement, described) -> None:
    with psycopg.connect(databases.target, autocommit=True) as connection:
        connection.execute("create table parted (id int) partition by list (id)")
        connection.execute(
            "create function public.app_raises(int) returns int language plpgsql as"
            " $$ begin raise exception 'secret' using errcode = '0A000'; end $$"
        )
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(statement)
    assert describe_error(raised.value) == described


def test_an_error_raised_in_a_function_says_what_to_do(databases) -> None:
    code = "do $$ begin raise exception 'secret' using errcode = '0A000'; end $$"
    with (
        psycopg.connect(databases.target) as connection,
        pytest.raises(UnreadableError) as raised,
        unreadable_on_error("target", "public.t"),
    ):
        connection.execute(code)
    assert str(raised.value) == (
        "public.t: the target could not be read: feature not supported (SQLSTATE 0A000) raised in "
        "a DO block; the function raises an error; call it yourself to read its message"
    )


def test_a_lock_names_tables_session_and_remedy() -> None:
    holders = [
        LockHolder(7, "", ("app.a", "app.b", "app.c", "app.d")),
        LockHolder(None, "", ("app.e",)),
    ]
    assert describe_locks("target", holders, 5) == (
        "target: app.a, app.b, app.c and 1 more: locked by pid 7 of an unnamed application; "
        "app.e: locked by a prepared transaction: lock not granted within 5 s; "
        "wait for that session or end it: select pg_terminate_backend(7); "
        "commit it or roll it back: select gid from pg_prepared_xacts"
    )
