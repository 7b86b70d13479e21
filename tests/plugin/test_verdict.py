"""Test that only a complete run without failures is PASS."""

import html
import re
import subprocess

import pytest

import pgcutover.checks

PASS, FAIL, UNKNOWN = 0, 1, 3


def test_equal_databases_pass(migration):
    migration.use_defaults()
    outcome = migration.gate()
    assert (outcome.code, outcome.verdict) == (PASS, "PASS"), outcome.text
    assert "on a scratch PostgreSQL 17 server" in outcome.text
    assert (outcome.out / "allure.html").exists()
    coverage = outcome.document["coverage"]
    assert coverage["expected"] == coverage["reported"] > 15
    assert re.search(r"^verdict +PASS$", outcome.text, re.M)


def test_equal_databases_pass_with_workers(migration):
    outcome = migration.gate("-n", "2")
    assert (outcome.code, outcome.verdict) == (PASS, "PASS"), outcome.text
    assert {r["worker"] for r in outcome.document["results"]} == {"gw0", "gw1"}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_difference_fails_and_is_named(migration, workers):
    migration.on_target("update people set name = '' where id = 7")
    outcome = migration.gate("-n", workers)
    assert (outcome.code, outcome.verdict) == (FAIL, "FAIL")
    assert outcome.verdicts("DATA-ROWS")["public.people"] == "FAIL"
    assert outcome.verdicts("DATA-ROWS")["public.visits"] == "PASS"
    (finding,) = [
        f
        for r in outcome.document["results"]
        if r["check_id"] == "DATA-ROWS"
        for f in r["findings"]
    ]
    assert "name" in str(finding)
    assert "name 7" not in outcome.text


def test_the_command_that_prints_the_fix_of_a_schema_works(migration):
    migration.environment["PATH"] = "/usr/bin:/bin"  # with no environment activated
    migration.on_target("drop index visits_person_idx")
    outcome = migration.gate("-n", "0")
    assert outcome.code == FAIL
    (command,) = set(re.findall(r"^ +run: +(.+ schema fix .+)$", outcome.text, re.MULTILINE))
    for name in ("junit.xml", "verdict.json", "signoff.html"):
        assert command in html.unescape((outcome.out / name).read_text())
    # exactly as printed, in the run's folder, without the environment's programs on PATH
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=migration.folder,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "CREATE INDEX visits_person_idx ON public.visits" in done.stdout
    migration.on_target(done.stdout)
    again = migration.gate("-n", "0")
    assert again.code == PASS
    assert "schema fix" not in again.text


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", "people"),
        ("-k", "no_such_check"),
        ("-m", "not check"),
        ("--collect-only",),
        ("--ignore-glob", f"{pgcutover.checks.__path__[0]}/load/*"),
        ("--deselect", "load/test_every_row_matches.py"),
    ],
    ids=lambda words: words[0],
)
def test_a_partial_run_never_passes(migration, arguments):
    outcome = migration.gate(*arguments)
    assert outcome.code != PASS, outcome.text
    assert outcome.verdict in (None, "UNKNOWN")


def test_a_rerun_of_what_failed_never_passes(migration):
    migration.on_target("delete from visits where id = 3")
    assert migration.gate().code == FAIL
    migration.on_target("insert into visits select 3, 1 + 3 % 40, 3 * 1.10")
    outcome = migration.gate("--lf")
    assert (outcome.code, outcome.verdict) == (UNKNOWN, "UNKNOWN"), outcome.text
    assert migration.gate().code == PASS


def test_one_stage_alone_never_passes(migration):
    outcome = migration.gate(checks=("pgcutover.checks.schema",))
    assert (outcome.code, outcome.verdict) == (UNKNOWN, "UNKNOWN"), outcome.text


SKIP = """
import pytest

def pytest_collection_modifyitems(items):
    items[0].add_marker(pytest.mark.{mark})
"""


@pytest.mark.parametrize("mark", ["skip", "xfail", "xfail(run=False)", "skipif(True, reason='x')"])
def test_a_mark_that_hides_a_result_is_unknown(migration, mark):
    migration.plugin(SKIP.format(mark=mark))
    outcome = migration.gate()
    assert (outcome.code, outcome.verdict) == (UNKNOWN, "UNKNOWN"), outcome.text


def test_first_failure_stop_still_fails(migration):
    migration.on_target("delete from visits where id = 3")
    assert migration.gate("-x").code == FAIL


CRASH = """
import os, pytest

def pytest_runtest_call(item):
    if "test_every_row_matches" in item.name and "people" in item.name:
        {act}
"""


def test_a_crashed_worker_is_unknown(migration):
    migration.plugin(CRASH.format(act="os.kill(os.getpid(), 9)"))
    outcome = migration.gate("-n", "2")
    assert (outcome.code, outcome.verdict) == (UNKNOWN, "UNKNOWN"), outcome.text
    assert any("lost" in reason for reason in outcome.document["reasons"])


def test_an_error_inside_a_check_is_unknown_and_shows_no_value(migration):
    migration.plugin(CRASH.format(act="raise RuntimeError('secret of a patient')"))
    outcome = migration.gate()
    assert (outcome.code, outcome.verdict) == (UNKNOWN, "UNKNOWN"), outcome.text


def test_an_interrupt_is_not_pass(migration):
    migration.plugin(CRASH.format(act="raise KeyboardInterrupt"))
    outcome = migration.gate()
    assert outcome.code == 2
    assert outcome.verdict == "UNKNOWN"
    assert outcome.document["run"]["interrupted"]
    assert re.search(r"^verdict +UNKNOWN \(interrupted\);", outcome.text, re.MULTILINE)


def test_optimised_python_is_refused(migration):
    outcome = migration.gate(python=("-O",))
    assert outcome.code == 4
    assert "python -O removes every assert" in outcome.text


BROKEN_FIXTURE = """
def pytest_fixture_setup(fixturedef):
    assert fixturedef.argname != "comparing_engine", "cannot be set up"
"""


def test_a_fixture_that_fails_is_unknown(migration):
    migration.plugin(BROKEN_FIXTURE)
    outcome = migration.gate()
    assert (outcome.code, outcome.verdict) == (UNKNOWN, "UNKNOWN"), outcome.text


BROKEN_FIXTURE_WITH_A_SECRET = """
import pgcutover.fixtures.databases as databases

def _options(context):
    raise RuntimeError("secret of a patient")

databases._options = _options
"""


def test_a_fixtures_error_shows_no_value_in_any_check(migration):
    migration.plugin(BROKEN_FIXTURE_WITH_A_SECRET)
    outcome = migration.gate()
    assert outcome.code == UNKNOWN, outcome.text
    assert "unexpected RuntimeError" in outcome.text
    assert "secret of a patient" not in outcome.text
    assert "secret of a patient" not in (outcome.out / "verdict.json").read_text()


def test_a_run_that_cannot_start_invalidates_an_earlier_pass(migration):
    assert migration.gate().verdict == "PASS"
    migration.environment["PGCUTOVER_TARGET_DSN"] = "host=localhost port=1 connect_timeout=2"
    outcome = migration.gate()
    assert (outcome.code, outcome.document) == (UNKNOWN, {})
    assert not list(outcome.out.glob("*.html"))


FULL_DISK = """
import errno, pgcutover.verdict_json.file

def write_verdict(document, path):
    raise OSError(errno.ENOSPC, "No space left on device")

pgcutover.verdict_json.file.write_verdict = write_verdict
"""


def test_a_verdict_that_cannot_be_written_is_no_pass(migration):
    migration.plugin(FULL_DISK)
    outcome = migration.gate()
    assert (outcome.code, outcome.document) == (UNKNOWN, {})
    assert "the evidence was not written" in outcome.text


def test_an_unusable_out_folder_is_reported_in_one_sentence(migration):
    (migration.folder / "result").write_text("a file is in the way")
    outcome = migration.gate()
    assert outcome.code == 4
    assert "name a folder that can be written" in outcome.text
    assert "Traceback" not in outcome.text
