"""Values in COPY's text form: found, changed where they must be, and otherwise untouched."""

from hypothesis import given
from hypothesis import strategies as st

from pgcutover.awslocal.load.copy_format import LineFilter, escape, unescape
from pgcutover.awslocal.mapping.value_conversion import (
    cut_bytea,
    cut_utf8,
    cut_utf16,
    round_numeric,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(TEXT)
def test_escaping_is_undone_by_unescaping(value: str) -> None:
    assert unescape(escape(value)) == value
    assert not set(escape(value)) & set("\t\n\r")


@given(st.lists(st.none() | TEXT, min_size=1, max_size=5))
def test_a_filter_that_changes_nothing_passes_the_same_bytes(values: list[str | None]) -> None:
    fields = ["\\N" if value is None else escape(value) for value in values]
    line = ("\t".join(fields) + "\n").encode()
    lines = LineFilter([lambda text: text] * len(values), always=True, size=0)
    assert lines.pass_on(line) == line
    assert lines.changed == [0] * len(values)


@given(st.lists(st.none() | TEXT, min_size=1, max_size=5))
def test_a_filter_changes_values_and_leaves_nulls(values: list[str | None]) -> None:
    fields = ["\\N" if value is None else escape(value) for value in values]
    line = ("\t".join(fields) + "\n").encode()
    lines = LineFilter([lambda text: text + "\t\\N"] * len(values), always=True, size=0)
    got = lines.pass_on(line).decode()[:-1].split("\t")
    back = [None if field == "\\N" else unescape(field) for field in got]
    assert back == [None if value is None else value + "\t\\N" for value in values]


@given(TEXT, st.integers(0, 40))
def test_cuts_never_exceed_their_size_and_never_split_a_character(text: str, size: int) -> None:
    for cut, code in ((cut_utf8, "utf-8"), (cut_utf16, "utf-16-le")):
        short = cut(text, size)
        assert text.startswith(short)
        assert len(short.encode(code)) <= size or short == text
        if short != text:
            assert len(text[: len(short) + 1].encode(code)) > size


@given(st.binary(max_size=20), st.integers(0, 30))
def test_bytea_is_cut_by_bytes(value: bytes, size: int) -> None:
    assert cut_bytea("\\x" + value.hex(), size) == "\\x" + value[:size].hex()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9))
def test_numeric_keeps_six_decimals_and_short_values_as_written(value: object) -> None:
    text = f"{value:f}"
    assert abs(float(round_numeric(text)) - float(text)) <= 1e-6 + abs(float(text)) * 1e-12
    assert len(round_numeric(text).partition(".")[2]) == 6
    for short in ("1", "1.0", "1.00", "NaN", "Infinity", "-0.123456"):
        assert round_numeric(short) == short
