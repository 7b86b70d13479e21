"""Test that no row value is reported, printed, logged or raised."""

import logging
import re
import traceback

import pytest

from pgcutover.errors import UnreadableError
from pgcutover.gx.reading import guarded_cursor
from pgcutover.gx.validation import silence

from .rig import expect

SECRET = "Zq7secret"
NUMBER = "73031.41421356237309504880"  # more digits than a float, which the library logs
EVERYWHERE = f"""
update clinic."dayVisits" set "patientName" = '{SECRET}', mail = '{SECRET}', nothing = '{SECRET}',
    unit = left('{SECRET}', 8), value = {NUMBER}, document = '{{"{SECRET}": "{SECRET}"}}',
    picture = '{SECRET}'
where id in (7, 8)
"""
# PostgreSQL quotes the value in this error, as in every conversion error
QUOTING = f"""
create function clinic.told(clinic.kind) returns text immutable language plpgsql as
    $$ begin raise exception 'bad value {SECRET}' using detail = 'Row contains ({SECRET}).'; end $$;
create cast (clinic.kind as text) with function clinic.told(clinic.kind);
"""
VIOLATED = (
    expect("column_values_to_be_in_set", column="patientName", value_set=["a"]),
    expect("column_values_to_match_regex", column="mail", regex="^visit"),
    expect("column_values_to_be_null", column="nothing"),
    expect("column_values_to_be_unique", column="mail"),
    expect("compound_columns_to_be_unique", column_list=["patientName", "mail"]),
    expect("column_values_to_not_match_regex", column="document", regex="Zq7"),
    expect("column_value_lengths_to_be_between", column="mail", min_value=10),
    expect("column_values_to_be_between", column="value", max_value=1000),
    expect("column_max_to_be_between", column="value", max_value=1000),
    expect("column_sum_to_be_between", column="value", max_value=1000),
    expect("column_pair_values_to_be_equal", column_A="patientName", column_B="unit"),
)


@pytest.fixture
def heard(capfd, caplog):
    """Return heard(), which returns everything printed or logged since its last call."""
    caplog.set_level(logging.DEBUG)

    def text():
        out, err = capfd.readouterr()
        return out + err + caplog.text

    return text


def assert_kept(clinic, *texts: str) -> None:
    password = re.search(r"password=(\S+)", clinic.dsn)[1]
    for text in texts:
        for secret in (SECRET, SECRET[:8], SECRET.encode().hex(), NUMBER, NUMBER[:7], password):
            assert secret not in text


def test_a_violated_suite_tells_no_value(clinic, heard):
    clinic.run(EVERYWHERE)
    diff = clinic.judge(*VIOLATED)
    assert len(diff.findings()) == len(VIOLATED)
    assert_kept(clinic, diff.report(), repr(diff), repr(diff.findings()), heard())


def test_an_error_that_quotes_the_row_is_told_without_it(clinic, heard):
    clinic.run(EVERYWHERE)
    clinic.run(QUOTING)
    with pytest.raises(UnreadableError, match="SQLSTATE P0001") as raised:
        clinic.judge(expect("column_values_to_be_in_set", column="kind", value_set=["pulse"]))
    messages = "".join(traceback.format_exception(raised.value))
    assert_kept(clinic, str(raised.value), messages, heard())
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_an_error_beside_a_violation_is_told_without_the_row(clinic, heard):
    clinic.run(EVERYWHERE)
    clinic.run(QUOTING)
    diff = clinic.judge(
        *VIOLATED, expect("column_values_to_be_in_set", column="kind", value_set=["pulse"])
    )
    assert diff
    assert_kept(clinic, diff.report(), repr(diff), repr(diff.findings()), heard())


def test_logging_and_warnings_are_as_before_afterwards(clinic, caplog):
    clinic.judge(expect("column_values_to_not_be_null", column="mail"))
    logging.getLogger("users.own").error("still heard")
    assert "still heard" in caplog.text
    with pytest.raises(RuntimeError, match="broken"), silence():
        raise RuntimeError("broken")
    assert logging.root.manager.disable == logging.NOTSET


def test_no_row_passes_the_cursor(clinic):
    query, troubles = 'select mail from clinic."dayVisits"', []
    with clinic.connect() as connection:
        connection.cursor_factory = guarded_cursor(query, troubles)
        columns = connection.execute(f"{query}\n")
        assert [column.name for column in columns.description] == ["mail"]
        assert columns.fetchall() == []
        assert connection.execute(f"select count(*) from ({query}) q").fetchall() == [(40,)]
        assert not troubles
        with pytest.raises(UnreadableError, match="brought rows"):
            connection.execute(f"{query} where id < 3")
    assert troubles == ["a statement brought rows, where one number was expected"]
