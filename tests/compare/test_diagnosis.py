"""Test that the cause of changed values is named without showing a value."""

import hashlib
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.compare.differences import diagnosis as naming
from pgcutover.compare.differences.causes import numbers, structures, texts, times
from pgcutover.compare.differences.diagnosis import SHOWN_CHARACTERS, UNNAMED, ValueSample, diagnose
from pgcutover.compare.differences.row_sample import diagnose_columns

OUR_WORDS = "".join(map(inspect.getsource, (naming, numbers, structures, texts, times)))


def cell(text: str | None) -> ValueSample:
    octets = (text or "").encode()
    digest = None if text is None else hashlib.sha256(octets).digest()
    return ValueSample(text and text[:SHOWN_CHARACTERS], len(text or ""), len(octets), digest)


def diagnose_pairs(*pairs: tuple[str | None, str | None]) -> str:
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
        ([("Zo\u00eb", "Zoe\u0308")], "Unicode normalization differs"),
        ([("\ufb01n \u2460", "fin 1")], "compatibility characters replaced"),
        ([("Zo\u00eb", "Zoe")], "accents lost"),
        ([("\u201cyes\u201d", '"yes"')], "typographic characters replaced"),
        ([("ok \U0001f44d!", "ok !")], "characters outside the BMP lost"),
        ([("na\u00efve", "nave")], "non-ASCII characters lost"),
        ([("cafÃ©", "café")], "text decoded in the wrong encoding"),
        ([("\u041f\u0440\u0438", "\u0420\u045f\u0421\u0402\u0420\u0451")],
         "text decoded in the wrong encoding"),
        ([("a\r\nb", "a\nb")], "line endings differ"),
        ([("  abc", "abc")], "leading blanks differ"),
        ([("a\\b", "ab"), ("c\\\\d", "c\\d")], "backslashes lost or doubled"),
        ([("a\\b", "a\\\\b")], "backslashes lost or doubled"),
        ([("it's", "it''s")], "quotes doubled"),
        ([("abc", '"abc"')], "wrapped in quotes"),
        ([("a < b", "a &lt; b")], "HTML entities escaped or unescaped"),
        ([("a b/c", "a%20b%2Fc")], "percent-encoded"),
        ([("caf\u00e9", "caf\\u00e9")], "characters escaped with backslashes"),
        ([("patient", "cGF0aWVudA==")], "encoded as base64"),
        ([("\\x00ff", "AP8=")], "bytes encoded as base64"),
        ([("\\x0102", "\\x0201")], "byte order reversed"),
        ([("\\x00000102", "\\x0102")], "zero bytes lost or added"),
        ([("abc", hashlib.md5(b"abc", usedforsecurity=False).hexdigest())],
         "replaced by its digest"),
        ([("a long text", "a long...")], "truncated with an ellipsis"),
        ([("4111111111111111", "************1111")], "characters masked"),
        ([("secret", "***")], "characters masked"),
        ([("Dr. House", "House")], "beginning lost"),
        ([("a", "x-a"), ("b", "x-b")], "the same text added before every value"),
        ([("a", "a;"), ("b", "b;")], "the same text added after every value"),
        ([("long text", "__debezium_unavailable_value"), ("{}", "__debezium_unavailable_value")],
         "a mover's placeholder for an unchanged large value"),
        ([("\\x00", "\\x" + b"__debezium_unavailable_value".hex())],
         "a mover's placeholder for an unchanged large value"),
        ([("007", "7"), ("0100", "100")], "leading zeros lost"),
        ([("1.5", "1,5")], "decimal point became a comma"),
        ([("-5", "5"), ("-7", "7")], "sign inverted or lost"),
        ([("9223372036854775000", "2147483647")], "integer clamped to its type's limit"),
        ([("4294967297", "1")], "integer overflow wrapped around"),
        ([("9007199254740993", "9007199254740992")], "number converted through double precision"),
        ([("3.141592653", "3.1415927410125732")], "number converted through single precision"),
        ([("12.34", "1234"), ("5", "500")], "number multiplied by 100"),
        ([("1234", "12.34"), ("500", "5.00")], "number divided by 100"),
        ([("10", "11"), ("20", "21")], "number changed by the same difference in every row"),
        ([("t", "f"), ("f", "t")], "boolean inverted"),
        ([("true", "1")], "boolean written differently"),
        ([("12:00:00+02", "10:00:00+00")], "UTC offset changed, same instant"),
        ([("24:00:00", "00:00:00")], "24:00 became 00:00"),
        ([("1 mon", "30 days"), ("1 day", "24:00:00")], "interval units converted"),
        ([("2026-01-02 03:04:05", "2026-01-02 00:00:00")], "time of day lost"),
        ([("2026-01-02 03:04:05", "2026-01-02 03:04:00")], "seconds lost"),
        ([("2026-03-04", "2026-04-03")], "day and month swapped"),
        ([("2026-03-04", "1926-03-04")], "century changed"),
        (
            [("2026-01-01 10:00:00", "2026-01-01 21:00:00"),
             ("2026-07-01 10:00:00", "2026-07-01 20:00:00")],
            "time shift by a zone with daylight saving, +36000 s or +39600 s",
        ),
        (
            [("2026-01-01 10:00:00.1", "2026-01-01 10:00:00.3"),
             ("2026-07-01 10:00:00.7", "2026-07-01 10:00:00.8")],
            "times up to 5 s apart, as two clock readings are",
        ),
        (
            [("2026-01-03 10:00:00", "2026-01-01 10:00:00"),
             ("2026-07-09 10:00:00", "2026-07-02 11:00:00")],
            "earlier on the target in every sampled row",
        ),
        ([('{"a": 9007199254740993}', '{"a": 9007199254740992}')],
         "JSON numbers converted through double precision"),
        ([('{"a": 1, "b": null}', '{"a": 1}')], "null members of JSON lost or added"),
        ([('{"a": 1}', '"{\\"a\\": 1}"')], "JSON stored as a JSON string"),
        ([('"a"=>"1", "b"=>NULL', '"b"=>NULL,"a"=>"1"')], "hstore rewritten with the same pairs"),
        ([("[0:1]={1,2}", "{1,2}")], "array bounds lost"),
        ([("{{1,2},{3,4}}", "{1,2,3,4}")], "array dimensions flattened"),
        ([("{1,2,3}", "{3,1,2}")], "array elements in another order"),
        ([("{1,2,2}", "{1,2}")], "array elements lost"),
        ([("{a,b}", '["a","b"]')], "array written as JSON"),
        ([("[1,5)", "[1,5]")], "range bound changed between inclusive and exclusive"),
        ([("10.0.0.1/24", "10.0.0.0/24")], "host bits of the address lost"),
        ([("10.0.0.1/24", "10.0.0.1")], "netmask lost or changed"),
        ([("00112233-4455-6677-8899-aabbccddeeff", "33221100-5544-7766-8899-aabbccddeeff")],
         "UUID with its first fields in the other byte order"),
        ([("00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899AABBCCDDEEFF")],
         "hexadecimal digits grouped differently"),
        ([("'fat':2A 'cat':3", "'fat' 'cat'")], "positions of lexemes lost"),
        ([("<a x='1' y='2'/>", '<a y="2" x="1"></a>')], "XML rewritten with the same content"),
        ([("0101000020E6100000" + "00" * 16, "0101000000" + "00" * 16)],
         "SRID of the geometry lost or changed"),
        ([("a", "z"), ("b", "z"), ("c", "z")], "all became the same value"),
        ([("a", "d"), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "q")], "values of other rows"),
        ([("new", "10"), ("old", "20"), ("new", "10"), ("old", "20")],
         "each value replaced by another one, always the same"),
        ([("abc  ", "abc"), ("de ", "de"), ("x", "y")],
         "trailing blanks differ in 2 of 3 sampled rows, values differ in the rest"),
        ([("abc  ", "abc"), ("x", "y"), ("z", "q")], UNNAMED),
        ([("1", "2"), ("5", "9")], UNNAMED),
        ([("t", "t2"), ("", "x")], UNNAMED),
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
def test_names_the_cause(pairs, disease):
    assert diagnose_pairs(*pairs) == disease


def test_long_values_are_compared_by_length_and_digest():
    assert diagnose_pairs(("x" * 100_000, "x" * 32_768)) == "truncated at 32768 characters"
    assert diagnose_pairs(("é" * 20_000, "é" * 16_384), ("x" * 90_000, "x" * 32_768)) == (
        "truncated at 32768 bytes"
    )
    assert diagnose_pairs(("x" * 9_000 + "a", "x" * 9_000 + "b")) == UNNAMED
    assert diagnose_pairs(("\\x" + "00" * 9000, "\\x" + "00" * 4096)) == "truncated at 4096 bytes"


def test_columns_with_swapped_values_are_named_together():
    source = {b"1": (cell("a"), cell("b"), cell("same")), b"2": (cell("c"), cell("d"), cell(None))}
    target = {b"1": (cell("b"), cell("a"), cell("same")), b"2": (cell("d"), cell("c"), cell(None))}
    assert diagnose_columns(("x", "y", "z"), source, target) == {
        "x": "values swapped with y",
        "y": "values swapped with x",
    }


def test_rows_of_one_side_only_are_skipped():
    assert diagnose_columns(("x",), {b"1": (cell("a"),)}, {b"2": (cell("b"),)}) == {}


values = st.none() | st.text(max_size=30) | st.decimals().map(str) | st.datetimes().map(str)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=6))
def test_a_cause_never_contains_a_value(pairs):
    differing = [(a, b) for a, b in pairs if a != b]
    if not differing:
        return
    words = diagnose_pairs(*differing)
    assert words
    # hypothesis also draws literals from our source, and a cause's name is one of them
    long = [v for pair in differing for v in pair if v and len(v) > 12 and v not in OUR_WORDS]
    assert not any(value in words for value in long)


def test_the_repr_of_a_value_sample_hides_the_value():
    assert "patient" not in repr(cell("patient"))
