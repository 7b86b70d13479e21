"""Test that the terminal prints each cause and warning once, and lists declared differences."""

from pgcutover.config.differences import DeclaredDifference
from pgcutover.plugin.terminal_summary import declared_lines, result_lines, warning_lines
from pgcutover.verdict import Result, Verdict


def result(check_id: str, message: str, verdict: Verdict = Verdict.UNKNOWN) -> Result:
    return Result(check_id, "*", "schema", verdict, message)


def test_unknown_results_with_one_cause_share_a_line() -> None:
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


def test_warnings_are_listed_once_and_short() -> None:
    texts = [f"warning {n}" for n in range(12)] + ["long " * 60]
    results = [
        Result("SCHEMA-VIEWS", "*", "schema", Verdict.PASS, facts={"warnings": texts[-1:] + texts}),
        Result("SCHEMA-KEYS", "*", "schema", Verdict.PASS, facts={"warnings": texts[:1]}),
    ]
    first, *lines, last = warning_lines(results)
    assert first == "warnings  13; they do not change the verdict"
    assert lines[0].endswith(" ...")
    assert len(lines[0]) <= 170
    assert lines[1] == "          SCHEMA-VIEWS, SCHEMA-KEYS: warning 0"
    assert len(lines) == 10
    assert last == "          and 3 more on the sign-off page"
    assert list(warning_lines([])) == []


def test_declarations_are_listed_with_their_differences() -> None:
    every = DeclaredDifference("owner", "table app.*", "changed", "restored without owners")
    one = DeclaredDifference("column", "app.t.c", "changed", "tuned", property="default")
    assert list(declared_lines([every, one], ["owner table app.t differs (declared: x)"])) == [
        "declared  2 differences in migration.toml",
        "          owner table app.* is declared changed: restored without owners",
        "          column app.t.c is declared changed in default: tuned",
        "          excused: owner table app.t differs (declared: x)",
    ]
    assert list(declared_lines([], [])) == []
