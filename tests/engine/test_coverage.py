"""The ledger: only a complete set of PASS answers is PASS."""

from hypothesis import given
from hypothesis import strategies as st

from pgcutover.check_registry import Check
from pgcutover.coverage import RUN_WIDE, Expectation, expectations, judge
from pgcutover.verdict import Result, Verdict, worst

ROWS = Check("DATA-ROWS", "load", "", ("table", "comparer"), "", "", "", "")
TLS = Check("READY-TLS", "readiness", "", ("comparer",), "", "", "", "")
EXPECTED = expectations([ROWS, TLS], {"table": ["a.x", "a.y"], "index": ["a.i"]})


def answer(expectation, verdict=Verdict.PASS):
    return Result(expectation.check_id, expectation.object, expectation.stage, verdict)


def test_checks_times_objects():
    assert [e.identity for e in EXPECTED] == [
        "DATA-ROWS[a.x]",
        "DATA-ROWS[a.y]",
        f"READY-TLS[{RUN_WIDE}]",
    ]


def test_all_pass_is_pass():
    judged = judge(EXPECTED, [answer(e) for e in EXPECTED])
    assert (judged.verdict, judged.reasons) == (Verdict.PASS, ())


def test_a_hole_is_unknown_and_named():
    judged = judge(EXPECTED, [answer(e) for e in EXPECTED[1:]])
    assert judged.verdict is Verdict.UNKNOWN
    assert "DATA-ROWS[a.x]" in judged.reasons[0]


def test_nothing_expected_is_unknown():
    assert judge((), []).verdict is Verdict.UNKNOWN


def test_a_trouble_is_unknown():
    judged = judge(EXPECTED, [answer(e) for e in EXPECTED], ["worker gw0 was lost"])
    assert (judged.verdict, judged.reasons) == (Verdict.UNKNOWN, ("worker gw0 was lost",))


def test_an_unexpected_failure_is_not_ignored():
    stray = Result("MINE", "z", "load", Verdict.FAIL)
    judged = judge(EXPECTED, [*map(answer, EXPECTED), stray])
    assert judged.verdict is Verdict.FAIL
    assert judged.unexpected == (stray,)


@given(st.lists(st.sampled_from(Verdict), min_size=3, max_size=3), st.permutations(range(6)))
def test_the_worst_of_repeated_answers_wins_in_any_order(second, order):
    answers = [answer(e) for e in EXPECTED]
    answers += [answer(e, v) for e, v in zip(EXPECTED, second, strict=True)]
    judged = judge(EXPECTED, [answers[i] for i in order])
    assert judged.verdict == worst(second)


@given(st.lists(st.sampled_from(Verdict)))
def test_only_all_pass_is_pass(verdicts):
    assert (worst(verdicts) is Verdict.PASS) == (
        bool(verdicts) and all(v is Verdict.PASS for v in verdicts)
    )


def test_exit_codes():
    assert [v.exit_code for v in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)] == [0, 1, 3]


def test_expectation_identity_is_that_of_its_result():
    expectation = Expectation("A", "b", "load")
    assert answer(expectation).identity == expectation.identity
