"""Test that every supported expectation passes on correct data and fails on wrong data."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from support.servers import create_database, drop_database

from pgcutover.gx.suite import _FORMS

from .rig import FILL, Clinic, build, expect


class Fault(NamedTuple):
    """A damage, the expectation that must fail, and the numbers in its finding."""

    kind: str
    kwargs: dict[str, object]
    damage: str
    numbers: str


ONE = "1 of 40 rows does not (2.5 %)"


def one(change: str) -> str:
    return f'update clinic."dayVisits" set {change} where id = 7'


FAULTS = (
    Fault(
        "table_row_count_to_be_between",
        {"min_value": 40},
        'delete from clinic."dayVisits" where id = 7',
        "found 39",
    ),
    Fault(
        "table_row_count_to_equal",
        {"value": 40},
        'insert into clinic."dayVisits" (id) values (41)',
        "found 41",
    ),
    Fault(
        "column_values_to_not_be_null", {"column": "patientName"}, one('"patientName" = null'), ONE
    ),
    Fault("column_values_to_be_null", {"column": "nothing"}, one("nothing = ''"), ONE),
    Fault(
        "column_values_to_be_unique",
        {"column": "mail"},
        one("mail = 'visit.8@mail.example'"),
        "2 of 40 rows do not (5 %)",
    ),
    Fault(
        "column_values_to_be_in_set",
        {"column": "kind", "value_set": ["pulse"]},
        one("kind = 'steps'"),
        ONE,
    ),
    Fault(
        "column_values_to_not_be_in_set",
        {"column": "mail", "value_set": ["none@mail.example"]},
        one("mail = 'none@mail.example'"),
        ONE,
    ),
    Fault(
        "column_values_to_be_between",
        {"column": "value", "min_value": 60, "max_value": 101},
        one("value = 'NaN'"),
        ONE,
    ),
    Fault(
        "column_values_to_match_regex",
        {"column": "mail", "regex": "^[^@]+@mail[.]example$"},
        one("mail = mail || ' '"),
        ONE,
    ),
    Fault(
        "column_values_to_not_match_regex",
        {"column": "patientName", "regex": "\ufffd"},
        one("\"patientName\" = '\ufffd'"),
        ONE,
    ),
    Fault(
        "column_values_to_match_regex_list",
        {"column": "document", "regex_list": ['"a": 1', '"a": 2'], "match_on": "any"},
        one("document = '{\"a\": 3}'"),
        ONE,
    ),
    Fault(
        "column_values_to_not_match_regex_list",
        {"column": "token", "regex_list": ["^0000", "0000$"]},
        one("token = '00000000-0000-0000-0000-000000000001'"),
        ONE,
    ),
    Fault(
        "column_values_to_match_like_pattern",
        {"column": "mail", "like_pattern": "visit.%@mail.example"},
        one("mail = 'Visit.7@mail.example'"),
        ONE,
    ),
    Fault(
        "column_values_to_not_match_like_pattern",
        {"column": "patientName", "like_pattern": "%Ã%"},
        one("\"patientName\" = 'ZoÃ«'"),
        ONE,
    ),
    Fault(
        "column_value_lengths_to_be_between",
        {"column": "picture", "min_value": 4},
        one("picture = '\\x89'"),
        ONE,
    ),
    Fault("column_value_lengths_to_equal", {"column": "unit", "value": 3}, one("unit = 'bp'"), ONE),
    Fault("column_min_to_be_between", {"column": "value", "min_value": 60}, one("value = -1"), ""),
    Fault(
        "column_max_to_be_between",
        {"column": "seen", "max_value": "2026-02-01T00:00:00+00:00"},
        one("seen = '2027-01-01'"),
        "",
    ),
    Fault("column_mean_to_be_between", {"column": "share", "max_value": 0.5}, one("share = 1"), ""),
    Fault("column_sum_to_be_between", {"column": "id", "max_value": 820}, one("id = 9"), ""),
    Fault("column_stdev_to_be_between", {"column": "share", "max_value": 0}, one("share = 1"), ""),
    Fault(
        "column_unique_value_count_to_be_between",
        {"column": "kind", "max_value": 1},
        one("kind = 'steps'"),
        "found 2",
    ),
    Fault(
        "column_proportion_of_unique_values_to_be_between",
        {"column": "token", "min_value": 1},
        one('token = (select token from clinic."dayVisits" where id = 8)'),
        "found 0.975",
    ),
    Fault(
        "column_pair_values_a_to_be_greater_than_b",
        {"column_A": "ended", "column_B": "started"},
        one("ended = started"),
        ONE,
    ),
    Fault(
        "column_pair_values_to_be_equal",
        {"column_A": "id", "column_B": "copy"},
        one("copy = 8"),
        ONE,
    ),
    Fault(
        "column_pair_values_to_be_in_set",
        {"column_A": "kind", "column_B": "unit", "value_pairs_set": [["pulse", "bpm"]]},
        one("unit = 'count'"),
        ONE,
    ),
    Fault(
        "compound_columns_to_be_unique",
        {"column_list": ["patientName", "kind"]},
        one("\"patientName\" = 'Name 8'"),
        "2 of 40 rows do not (5 %)",
    ),
    Fault(
        "select_column_values_to_be_unique_within_record",
        {"column_list": ["started", "ended"]},
        one("ended = started"),
        ONE,
    ),
    Fault(
        "multicolumn_sum_to_equal",
        {"column_list": ["share", "rest"], "sum_total": 1},
        one("rest = 0.25"),
        ONE,
    ),
)


@pytest.fixture(scope="module")
def shared(pair, tmp_path_factory) -> Iterator[Clinic]:
    """One database for all faults, which change only rows."""
    name = create_database(pair.target)
    build(pair.target.dsn(name))
    yield Clinic(pair.target.dsn(name), tmp_path_factory.mktemp("suites"))
    drop_database(pair.target, name)


@pytest.fixture
def clinic(shared) -> Clinic:
    """The table with correct rows."""
    shared.run('truncate clinic."dayVisits"')
    shared.run(FILL)
    return shared


def test_every_expectation_that_may_be_asked_has_a_fault() -> None:
    assert {f"expect_{fault.kind}" for fault in FAULTS} == set(_FORMS)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.kind for fault in FAULTS])
def test_a_violated_expectation_is_named_with_its_numbers(clinic, fault):
    clinic.run(fault.damage)
    diff = clinic.judge(expect(fault.kind, **fault.kwargs))
    (finding,) = diff.findings()
    assert (finding.object, finding.kind) == ("clinic.dayVisits", f"expect_{fault.kind}")
    assert diff
    assert fault.numbers in finding.message
    assert finding.message in diff.report()


def test_right_data_meets_all_and_wrong_data_only_the_rest(clinic):
    clinic.suite(*(expect(fault.kind, **fault.kwargs) for fault in FAULTS))
    clean = clinic.judge()
    assert not clean
    assert clean.report() == "clinic.dayVisits meets all 29 expectations"
    assert clean.findings() == ()
    clinic.run(one("mail = null"))
    clinic.run(one("value = 10"))
    diff = clinic.judge()
    assert [f.kind for f in diff.findings()] == [
        "expect_column_values_to_be_between",
        "expect_column_min_to_be_between",
    ]
    assert diff.report().startswith("clinic.dayVisits does not meet 2 of 29 expectations: ")


def test_a_row_condition_narrows_what_is_looked_at(clinic):
    low = expect(
        "column_values_to_be_between",
        column="value",
        max_value=50,
        row_condition='col("kind")=="steps"',
        condition_parser="great_expectations",
    )
    clinic.run("update clinic.\"dayVisits\" set kind = 'steps', value = 50 where id <= 4")
    assert not clinic.judge(low)
    clinic.run(one("kind = 'steps'"))
    assert "1 of 5 rows does not (20 %)" in clinic.judge(low).report()


def test_mostly_lets_a_share_of_the_rows_be_otherwise(clinic):
    clinic.run(one("mail = null"))
    most = expect("column_values_to_not_be_null", column="mail", mostly=0.97)
    assert not clinic.judge(most)
    clinic.run('update clinic."dayVisits" set mail = null where id = 8')
    assert clinic.judge(most)


def test_an_infinite_timestamp_is_out_of_every_range(clinic):
    until = expect("column_values_to_be_between", column="seen", max_value="2100-01-01")
    assert not clinic.judge(until)
    clinic.run(one("seen = 'infinity'"))
    assert ONE in clinic.judge(until).report()
