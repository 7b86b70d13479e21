"""Test that a suite that could pass without reading is refused, with file, place and remedy."""

import json
from pathlib import Path

import pytest

from pgcutover.errors import ConfigError
from pgcutover.gx.suite import read_suite, refuse_idle

from .rig import expect

NOT_NULL = expect("column_values_to_not_be_null", column="mail")


def refusal(tmp_path: Path, document: object) -> str:
    path = tmp_path / "clinic.visits.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    with pytest.raises(ConfigError) as refused:
        read_suite(path, "clinic.visits")
    assert str(refused.value).startswith("clinic.visits.json")
    return str(refused.value)


@pytest.mark.parametrize(
    ("document", "output"),
    [
        ("", "not JSON"),
        ("{", "line 1 column 2"),
        ("[]", 'expected an object {"name", "expectations": [...]}'),
        ({"name": "clinic.visits"}, "expectations"),
        ({"name": "clinic.visits", "expectations": {}}, "expectations"),
        ({"name": "clinic.visits", "expectations": []}, "would prove nothing"),
        ({"expectations": [NOT_NULL]}, "name is None, expected 'clinic.visits'"),
        ({"name": "clinic.visit", "expectations": [NOT_NULL]}, "expected 'clinic.visits'"),
        ({"name": "clinic.visits", "expectation": [], "expectations": [NOT_NULL]}, "unknown key"),
    ],
)
def test_a_file_that_is_no_suite(tmp_path, document, output):
    assert output in refusal(tmp_path, document)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "clinic.visits.json").write_bytes(b'{"name": "\xff"}')
    with pytest.raises(ConfigError, match="UTF-8"):
        read_suite(tmp_path / "clinic.visits.json", "clinic.visits")


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(ConfigError, match=r"clinic\.visits\.json cannot be read: No such file"):
        read_suite(tmp_path / "clinic.visits.json", "clinic.visits")


VALUES = "column_values_to_be_between"
STEPS = 'col("kind")=="steps"'


@pytest.mark.parametrize(
    ("expectation", "output"),
    [
        ("expect_column_values_to_not_be_null", '"kwargs"'),
        ({"type": "expect_column_values_to_not_be_null"}, '"kwargs"'),
        ({**NOT_NULL, "mostly": 0.5}, "unknown key 'mostly'"),
        (expect("column_values_to_not_be_nul", column="a"), "did you mean expect_column_values_"),
        (expect("column_distinct_values_to_be_in_set", column="a"), "bring row values into"),
        (expect("column_values_to_not_be_null"), "column must name a column"),
        (expect("column_values_to_not_be_null", column=["a"]), "column must name a column"),
        (expect("compound_columns_to_be_unique", column_list=[]), "column_list must name columns"),
        (expect(VALUES, column="a"), "needs min_value or max_value, or every value would pass"),
        (expect("column_values_to_be_in_set", column="a", value_set=[]), "needs value_set"),
        (expect("column_values_to_match_regex", column="a", regex=""), "needs regex"),
        (
            expect("column_values_to_match_regex_list", column="a", regex_list=["x", ""]),
            "needs regex_list",
        ),
        (expect("table_row_count_to_be_between"), "needs min_value or max_value"),
        (expect(VALUES, column="a", min_value=1, mostly=0), "mostly is 0"),
        (expect(VALUES, column="a", min_value=1, mostly=95), "mostly is 95"),
        (expect(VALUES, column="a", min_value=1, mostly=True), "mostly is True"),
        (expect(VALUES, column="a", min_value=1, result_format="COMPLETE"), "result_format is the"),
        (expect(VALUES, column="a", min_value=1, catch_exceptions=False), "catch_exceptions"),
        (expect(VALUES, column="a", min_value={"$PARAMETER": "now()"}), "$PARAMETER has no value"),
        (expect(VALUES, column="a", min_value=1, row_condition=STEPS), "condition_parser"),
        (
            expect(
                VALUES, column="a", min_value=1, row_condition="kind = 1", condition_parser="pandas"
            ),
            "row_condition must be",
        ),
    ],
)
def test_an_expectation_that_would_not_look(tmp_path, expectation, output):
    suite = {"name": "clinic.visits", "expectations": [NOT_NULL, expectation]}
    text = refusal(tmp_path, suite)
    assert text.startswith("clinic.visits.json: expectation 2")
    assert output in text


def test_columns_are_those_of_arguments_and_conditions(tmp_path):
    condition = {"row_condition": STEPS, "condition_parser": "great_expectations"}
    expectations = [
        expect(VALUES, column="value", min_value=1, **condition),
        expect("column_pair_values_to_be_equal", column_A="value", column_B="copy"),
        expect("compound_columns_to_be_unique", column_list=["id", "value"]),
        expect("table_row_count_to_equal", value=3),
    ]
    path = tmp_path / "clinic.visits.json"
    path.write_text(json.dumps({"name": "clinic.visits", "expectations": expectations}))
    assert read_suite(path, "clinic.visits").columns == ("value", "kind", "copy", "id")


def test_a_suite_of_no_table_that_migrates(tmp_path):
    (tmp_path / "clinic.vists.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"never be judged; did you mean clinic\.visits\.json\?"):
        refuse_idle(tmp_path, ["clinic.visits"])


def test_other_files_of_the_folder_are_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("")
    (tmp_path / "clinic.visits.json").write_text("{}")
    refuse_idle(tmp_path, ["clinic.visits", "clinic.doctors"])
