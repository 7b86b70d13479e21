"""The terminal names a cause once, however many results it has."""

from pgcutover.plugin.terminal_summary import result_lines
from pgcutover.verdict import Result, Verdict


def result(check_id: str, message: str, verdict: Verdict = Verdict.UNKNOWN) -> Result:
    return Result(check_id, "*", "schema", verdict, message)


def test_undecided_results_with_one_cause_share_a_line() -> None:
    cause = "the expected schema cannot be made: pg_dump was not found"
    results = [
        result("SCHEMA-VIEWS", cause),
        result("DATA-ROWS", "differs", Verdict.FAIL),
        result("DATA-RECENT", "differs", Verdict.FAIL),
        result("SCHEMA-TYPES", cause),
        result("SCHEMA-TEXT", cause),
        result("DATA-COUNTS", "cannot be read"),
    ]
    assert list(result_lines(results, lambda _: ())) == [
        "FAIL    DATA-ROWS[*]: differs",
        "FAIL    DATA-RECENT[*]: differs",
        f"UNKNOWN SCHEMA-VIEWS[*] and 2 more results: {cause}",
        "UNKNOWN DATA-COUNTS[*]: cannot be read",
    ]


def test_causes_beyond_the_twelfth_are_counted_by_their_results() -> None:
    results = [result(f"CHECK-{n}", f"cause {n // 2}") for n in range(28)]
    lines = list(result_lines(results, lambda _: ()))
    assert lines[0] == "UNKNOWN CHECK-0[*] and 1 more result: cause 0"
    assert len(lines) == 13
    assert lines[-1] == "... and 4 more results on the sign-off page"
