"""What happened to a column is named from a few of its values, and no value is ever named."""

import hashlib
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.compare.differences import diagnosis as naming
from pgcutover.compare.differences.diagnosis import SHOWN_CHARACTERS, UNNAMED, Cell, diagnose
from pgcutover.compare.differences.row_sample import diagnosed_columns

OUR_WORDS = inspect.getsource(naming)


def cell(text: str | None) -> Cell:
    octets = (text or "").encode()
    digest = None if text is None else hashlib.sha256(octets).digest()
    return Cell(text and text[:SHOWN_CHARACTERS], len(text or ""), len(octets), digest)


def named(*pairs: tuple[str | None, str | None]) -> str:
    return diagnose([(cell(a), cell(b)) for a, b in pairs])


@pytest.mark.parametrize(
    ("pairs", "disease"),
    [
        ([(None, "")], "NULL became ''"),
        ([(None, "0")], "NULL became 0"),
        ([(None, "f")], "NULL became false"),
        ([(None, "NULL")], "NULL became the text NULL"),
        ([(None, "x"), (None, "y")], "NULL became a value"),
        ([("", None)], "'' became NULL"),
        ([("x", None), ("y", None)], "a value became NULL"),
        ([("x", None), (None, "y")], "NULL and values mixed up"),
        ([("x", None), ("a", "b")], "NULL and values mixed up"),
        ([("x", "")], "a value became ''"),
        ([("", "x")], "'' became a value"),
        ([("abc  ", "abc")], "trailing blanks differ"),
        ([("abc", "abc ")], "trailing blanks differ"),
        ([("Abc", "aBC"), ("X", "x")], "letter case differs"),
        ([("infinity", "9999-12-31 23:59:59+00")], "infinity clamped"),
        ([("-Infinity", "-3.4e+38")], "infinity clamped"),
        ([("-0", "0")], "sign of zero lost"),
        ([("1.0", "1.00"), ("2", "2.0")], "number scale differs"),
        ([("1.10", "1.1")], "number scale differs"),
        ([("0044-03-15 BC", "0044-03-15")], "BC lost"),
        ([("2026-01-01 10:00:00+00", "2026-01-01 10:00:00")], "UTC offset lost"),
        ([("2026-01-01 10:00:00.123456", "2026-01-01 10:00:00.123")], "fraction of a second cut"),
        ([("2026-01-01 10:00:00.9", "2026-01-01 10:00:01")], "fraction of a second cut"),
        ([("naïve", "na?ve")], "characters replaced by U+FFFD or ?"),
        ([("naïve", "na\ufffdve")], "characters replaced by U+FFFD or ?"),
        ([("café", "cafÃ©")], "text decoded in the wrong encoding"),
        ([("\\x01ff", "\\x" + b"\\x01ff".hex())], "bytes stored as their own hex text"),
        ([('{"b": 1, "a": 1.10}', '{"a":1.1,"b":1}')], "JSON rewritten with the same value"),
        ([("a\u00a0b", "a b")], "blanks or invisible characters differ"),
        ([("abcdef", "abc"), ("xyz4", "xyz")], "truncated at 3 characters"),
        ([("abcdef", "abcd"), ("xyz4", "xyz")], "truncated"),
        ([("ééé", "éé"), ("abcdef", "abcd")], "truncated at 4 bytes"),
        ([("\\x00112233", "\\x0011")], "truncated at 2 bytes"),
        ([("3.14159", "3.14"), ("2.71828", "2.72")], "number rounded to 2 decimals"),
        ([("3.14159", "3.1"), ("2.71828", "2.72")], "number rounded"),
        (
            [("2026-01-01 10:00:00+00", "2026-01-01 05:00:00+00"),
             ("2026-07-01 10:00:00+00", "2026-07-01 05:00:00+00")],
            "constant time shift of -18000 s",
        ),
        ([("2026-01-01", "2026-01-02")], "constant time shift of +86400 s"),
        ([("a", "b"), ("b", "a")], "values swapped between rows"),
        ([("a", "b")], UNNAMED),
        ([("2026-02-31x", "2026-02-30x")], UNNAMED),
        ([("99", "12")], UNNAMED),
        ([("NaN", "1")], UNNAMED),
        ([("sNaN", "1")], UNNAMED),
        ([("2e999999999", "1")], UNNAMED),
        ([("0", "1e-999999999")], UNNAMED),
        ([("abc  ", "abc"), ("x", "y")], UNNAMED),
    ],
)  # fmt: skip
def test_names(pairs, disease):
    assert named(*pairs) == disease


def test_long_values_are_told_apart_by_length_and_digest():
    assert named(("x" * 100_000, "x" * 32_768)) == "truncated at 32768 characters"
    assert named(("é" * 20_000, "é" * 16_384), ("x" * 90_000, "x" * 32_768)) == (
        "truncated at 32768 bytes"
    )
    assert named(("x" * 9_000 + "a", "x" * 9_000 + "b")) == UNNAMED
    assert named(("\\x" + "00" * 9000, "\\x" + "00" * 4096)) == "truncated at 4096 bytes"


def test_columns_that_traded_their_values_are_named_together():
    source = {b"1": (cell("a"), cell("b"), cell("same")), b"2": (cell("c"), cell("d"), cell(None))}
    target = {b"1": (cell("b"), cell("a"), cell("same")), b"2": (cell("d"), cell("c"), cell(None))}
    assert diagnosed_columns(("x", "y", "z"), source, target) == {
        "x": "values swapped with y",
        "y": "values swapped with x",
    }


def test_rows_that_are_there_on_one_side_only_are_left_out():
    assert diagnosed_columns(("x",), {b"1": (cell("a"),)}, {b"2": (cell("b"),)}) == {}


values = st.none() | st.text(max_size=30) | st.decimals().map(str) | st.datetimes().map(str)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=6))
def test_whatever_the_values_a_disease_is_named_without_them(pairs):
    differing = [(a, b) for a, b in pairs if a != b]
    if not differing:
        return
    words = named(*differing)
    assert words
    # hypothesis tries the literals of our own source too, and a disease's name is one of them
    long = [v for pair in differing for v in pair if v and len(v) > 12 and v not in OUR_WORDS]
    assert not any(value in words for value in long)


def test_a_cell_does_not_show_its_value():
    assert "patient" not in repr(cell("patient"))
