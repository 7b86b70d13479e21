"""Secrets and values stay out of texts."""

import pytest

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
