"""Test that an expectation that cannot be evaluated is UNKNOWN, never met."""

import json
import sys

import psycopg
import pytest
from psycopg import sql

from pgcutover.errors import ConfigError, ServerError, UnreadableError
from pgcutover.gx.engine import TargetExpectations
from pgcutover.mapping import MappedTable, RelationName

from .rig import TABLE, expect

NOT_NULL = expect("column_values_to_not_be_null", column="mail")


def test_a_column_the_target_lacks(clinic):
    clinic.run('alter table clinic."dayVisits" rename mail to email')
    with pytest.raises(UnreadableError, match=r"looks at mail, which clinic\.dayVisits does not"):
        clinic.judge(NOT_NULL)


def test_a_column_in_a_condition_the_target_lacks(clinic):
    condition = {"row_condition": 'col("sort")=="a"', "condition_parser": "great_expectations"}
    with pytest.raises(UnreadableError, match="looks at sort"):
        clinic.judge(expect("column_values_to_not_be_null", column="mail", **condition))


def test_a_table_the_target_lacks(clinic):
    clinic.run('alter table clinic."dayVisits" set schema public')
    with pytest.raises(UnreadableError, match="has expectations, but the target has no such table"):
        clinic.judge(NOT_NULL)


def test_a_column_that_may_not_be_read(clinic, pair):
    clinic.run("create role clerk login password 'for-this-test'")
    try:
        clinic.run("grant usage on schema clinic to clerk")
        clinic.run('grant select (id, mail) on clinic."dayVisits" to clerk')
        name = psycopg.conninfo.conninfo_to_dict(clinic.dsn)["dbname"]
        owner, clinic.dsn = clinic.dsn, pair.target.dsn(name, "clerk", "for-this-test")
        assert not clinic.judge(NOT_NULL)  # tables outside the suite need no grant
        grant = r'may not read it \(token, value\).*grant select on "clinic"."dayVisits" to'
        with pytest.raises(UnreadableError, match=grant):
            clinic.judge(
                expect("column_values_to_not_be_null", column="token"),
                expect("column_values_to_not_be_null", column="value"),
            )
    finally:
        with psycopg.connect(owner) as conn:
            conn.execute("drop owned by clerk")
            conn.execute("drop role clerk")


def test_an_expression_the_server_refuses(clinic):
    with pytest.raises(UnreadableError, match=r"expectation 2\) could not.*SQLSTATE 2201B"):
        clinic.judge(NOT_NULL, expect("column_values_to_match_regex", column="mail", regex="("))


def test_an_argument_that_great_expectations_does_not_take(clinic):
    with pytest.raises(ConfigError, match=r"expectation 1 .* min_valeu"):
        clinic.judge(expect("column_values_to_be_between", column="id", max_value=50, min_valeu=1))


def test_a_condition_that_great_expectations_does_not_take(clinic):
    condition = {"row_condition": 'col("id") ~ 3', "condition_parser": "great_expectations"}
    with pytest.raises(ConfigError, match="expectation 1"):
        clinic.judge(expect("column_values_to_not_be_null", column="mail", **condition))


def test_a_condition_that_no_row_meets(clinic):
    condition = {"row_condition": 'col("kind")=="steps"', "condition_parser": "great_expectations"}
    with pytest.raises(UnreadableError, match="found no row to look at"):
        clinic.judge(expect("column_values_to_not_be_null", column="mail", **condition))


def test_an_empty_table(clinic):
    clinic.run('delete from clinic."dayVisits"')
    with pytest.raises(UnreadableError, match="found no row to look at"):
        clinic.judge(NOT_NULL)
    diff = clinic.judge(NOT_NULL, expect("table_row_count_to_be_between", min_value=1))
    assert diff
    assert "found 0; 1 could not be decided" in diff.report()


def test_a_violation_outweighs_what_could_not_be_decided(clinic):
    clinic.run('update clinic."dayVisits" set mail = null where id = 7')
    diff = clinic.judge(NOT_NULL, expect("column_values_to_match_regex", column="mail", regex="("))
    assert diff
    assert "does not meet 1 of 2 expectations" in diff.report()


def test_a_statement_that_takes_too_long(clinic):
    clinic.run(
        "create function clinic.slowly(clinic.kind) returns text language plpgsql as"
        " $$ begin perform pg_sleep(1); return 'x'; end $$;"
        " create cast (clinic.kind as text) with function clinic.slowly(clinic.kind)"
    )
    clinic.timeout_seconds = 0.2
    with pytest.raises(UnreadableError, match="query canceled"):
        clinic.judge(expect("column_values_to_be_in_set", column="kind", value_set=["pulse"]))


def test_a_server_that_goes_away(clinic):
    clinic.suite(NOT_NULL)
    sessions = iter([clinic.connect()])

    def connect():
        if (session := next(sessions, None)) is None:
            raise ServerError("target: cannot connect: it went away")
        return session

    with pytest.raises(UnreadableError, match="target: cannot connect: it went away") as raised:
        TargetExpectations(connect, clinic.folder, [TABLE]).meets(TABLE)
    assert raised.value.__context__ is None  # the library's error may quote a row


def test_a_library_that_is_not_installed(clinic, monkeypatch):
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    with pytest.raises(ConfigError, match=r"pip install 'pgcutover\[expectations\]'"):
        clinic.judge(NOT_NULL)


def test_an_answer_that_is_missing(clinic, monkeypatch):
    import great_expectations.core.batch_definition  # noqa: F401
    from great_expectations.datasource.fluent.interfaces import Batch

    whole = Batch.validate

    def shortened(*arguments, **named):
        answer = whole(*arguments, **named)
        answer.results.pop()
        return answer

    monkeypatch.setattr(Batch, "validate", shortened)
    with pytest.raises(UnreadableError, match="2 expectations were asked and 1 answered"):
        clinic.judge(NOT_NULL, expect("column_values_to_not_be_null", column="id"))


@pytest.mark.parametrize("name", ['or"ders', "a:b", "Über", "select"])
def test_a_name_that_needs_quoting_is_read(clinic, name):
    assert _judge_nulls_of(clinic, name)


def test_a_name_that_great_expectations_cannot_write(clinic):
    with pytest.raises(UnreadableError, match="a name with % in it"):
        _judge_nulls_of(clinic, "100 %")


def _judge_nulls_of(clinic, name):
    """Run a suite on a table that has one column of that name with one NULL."""
    table = MappedTable(RelationName("clinic", name), RelationName("clinic", name), ())
    with psycopg.connect(clinic.dsn) as conn:
        conn.execute(sql.SQL("create table clinic.{0} ({0} int)").format(sql.Identifier(name)))
        conn.execute(sql.SQL("insert into clinic.{} values (null)").format(sql.Identifier(name)))
    suite = {
        "name": str(table),
        "expectations": [expect("column_values_to_not_be_null", column=name)],
    }
    (clinic.folder / f"{table}.json").write_text(json.dumps(suite))
    return TargetExpectations(clinic.connect, clinic.folder, [table]).meets(table)
