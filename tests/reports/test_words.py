"""Test the formatting of numbers, durations and times."""

import pytest

from pgcutover.reports import words
from pgcutover.text.words import count_noun


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0214, "21 ms"),
        (0.994, "994 ms"),
        (0.996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (119.6, "2 min 00 s"),
        (3_599.7, "1 h 00 min"),
        (90_061, "25 h 01 min"),
    ],
)
def test_duration(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("iso", "text"),
    [
        ("2026-07-01T02:14:07.48+00:00", "2026-07-01 02:14:07 UTC"),
        ("2026-07-01T02:14:07Z", "2026-07-01 02:14:07 UTC"),
        ("2026-07-01T12:14:07+10:00", "2026-07-01 02:14:07 UTC"),
        ("2026-07-01T02:14:07", "2026-07-01 02:14:07"),
        ("tomorrow", "tomorrow"),
        ("", "not known"),
        (None, "not known"),
    ],
)
def test_moment(iso, text):
    assert words.moment(iso) == text


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "table", "1 table"), (0, "table", "0 tables"), (2_000, "index", "2,000 indexes")],
)
def test_nouns_agree_with_their_count(count, noun, text):
    assert count_noun(count, noun) == text


def test_breakable_escapes():
    assert words.breakable("a.<b>_c") == "a.<wbr>&lt;b&gt;_<wbr>c"


def test_letters_of_every_script_stay():
    assert words.visible("größer 患者 \n\t🙂") == "größer 患者 \n\t🙂"
