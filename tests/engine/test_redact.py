"""Secrets and values stay out of texts."""

import psycopg
import pytest

from pgcutover.database_errors import describe_error
from pgcutover.redact import without_passwords


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
        ("select 'secret'::int", "invalid text representation (SQLSTATE 22P02)"),
    ],
)
def test_an_unsupported_operation_is_named_without_values(databases, statement, described) -> None:
    with psycopg.connect(databases.target, autocommit=True) as connection:
        connection.execute("create table parted (id int) partition by list (id)")
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(statement)
    assert describe_error(raised.value) == described
