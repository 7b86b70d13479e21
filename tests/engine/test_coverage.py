"""Test that only a complete set of PASS results is PASS."""

from hypothesis import given
from hypothesis import strategies as st

from pgcutover.checking.coverage import RUN_WIDE, Expectation, NotAsked, judge, plan_results
from pgcutover.checking.registry import Check
from pgcutover.verdict import Result, Verdict, worst

ROWS = Check("DATA-ROWS", "load", "", ("table", "comparer"), "", "", "", "")
TLS = Check("READY-TLS", "readiness", "", ("comparer",), "", "", "", "")
DMS = Check("DMS-TASK", "load", "", ("mover",), "", "", "", "", only_where="mover.dms")
OBJECTS = {"table": ["a.x", "a.y"], "index": ["a.i"]}
EXPECTED = plan_results([ROWS, TLS], OBJECTS, {}, {}, {}).expected


def result_of(expectation, verdict=Verdict.PASS):
    return Result(expectation.check_id, expectation.object, expectation.stage, verdict)


def test_checks_times_objects():
    assert [e.identity for e in EXPECTED] == [
        "DATA-ROWS[a.x]",
        "DATA-ROWS[a.y]",
        f"READY-TLS[{RUN_WIDE}]",
    ]


def test_a_check_that_is_not_run_has_a_reason():
    plan = plan_results(
        [ROWS, TLS, DMS],
        {"table": []},
        {"mover.dms": "mover.dms is not set in migration.toml"},
        {"table": "the mapping includes no table"},
        {},
    )
    assert [e.identity for e in plan.expected] == [f"READY-TLS[{RUN_WIDE}]"]
    assert plan.not_asked == (
        NotAsked("DATA-ROWS", "the mapping includes no table"),
        NotAsked("DMS-TASK", "mover.dms is not set in migration.toml"),
    )


def test_a_check_whose_key_is_set_is_run():
    plan = plan_results([DMS], {}, {"schema.amcheck": "off"}, {}, {})
    assert [e.identity for e in plan.expected] == [f"DMS-TASK[{RUN_WIDE}]"]


def test_a_stage_of_the_cutover_is_not_run_by_a_gate():
    plan = plan_results([DMS, TLS], {}, {}, {}, {"load": "a reason"})
    assert [e.identity for e in plan.expected] == [f"READY-TLS[{RUN_WIDE}]"]
    assert plan.not_asked == (NotAsked("DMS-TASK", "a reason"),)


def test_all_pass_is_pass():
    judgement = judge(EXPECTED, [result_of(e) for e in EXPECTED])
    assert (judgement.verdict, judgement.reasons) == (Verdict.PASS, ())


def test_a_hole_is_unknown_and_named():
    judgement = judge(EXPECTED, [result_of(e) for e in EXPECTED[1:]])
    assert judgement.verdict is Verdict.UNKNOWN
    assert "DATA-ROWS[a.x]" in judgement.reasons[0]


def test_nothing_expected_is_unknown():
    assert judge((), []).verdict is Verdict.UNKNOWN


def test_a_trouble_is_unknown():
    judgement = judge(EXPECTED, [result_of(e) for e in EXPECTED], ["worker gw0 was lost"])
    assert (judgement.verdict, judgement.reasons) == (Verdict.UNKNOWN, ("worker gw0 was lost",))


def test_an_unexpected_pass_is_unknown_and_names_the_remedy():
    judgement = judge(
        EXPECTED, [*map(result_of, EXPECTED), Result("MINE", "z", "load", Verdict.PASS)]
    )
    assert judgement.verdict is Verdict.UNKNOWN
    assert "MINE[z]" in judgement.reasons[0]
    assert "checks.folder" in judgement.reasons[0]


def test_numbers_agree_with_nouns():
    failed = [result_of(e, Verdict.FAIL) for e in EXPECTED]
    assert judge(EXPECTED, failed).reasons == ("3 of 3 results differ",)
    passed = [result_of(e) for e in EXPECTED[:2]]
    assert judge(EXPECTED, [*passed, failed[2]]).reasons == ("1 of 3 results differs",)
    assert judge(EXPECTED, passed).reasons == (
        "1 expected result is missing, the first is READY-TLS[*]",
    )


def test_an_unexpected_failure_is_not_ignored():
    stray = Result("MINE", "z", "load", Verdict.FAIL)
    judgement = judge(EXPECTED, [*map(result_of, EXPECTED), stray])
    assert judgement.verdict is Verdict.FAIL
    assert judgement.unexpected == (stray,)


@given(st.lists(st.sampled_from(Verdict), min_size=3, max_size=3), st.permutations(range(6)))
def test_the_worst_of_repeated_results_wins_in_any_order(second, order):
    results = [result_of(e) for e in EXPECTED]
    results += [result_of(e, v) for e, v in zip(EXPECTED, second, strict=True)]
    judgement = judge(EXPECTED, [results[i] for i in order])
    assert judgement.verdict == worst(second)


@given(st.lists(st.sampled_from(Verdict)))
def test_only_all_pass_is_pass(verdicts):
    assert (worst(verdicts) is Verdict.PASS) == (
        bool(verdicts) and all(v is Verdict.PASS for v in verdicts)
    )


def test_exit_codes():
    assert [v.exit_code for v in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)] == [0, 1, 3]


def test_expectation_identity_is_that_of_its_result():
    expectation = Expectation("A", "b", "load")
    assert result_of(expectation).identity == expectation.identity
