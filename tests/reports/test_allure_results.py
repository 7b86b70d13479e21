"""Allure results: what is written from a verdict, and what is left of what allure-pytest wrote."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pgcutover.errors import PgCutoverError, UnreadableError
from pgcutover.reports.allure_results import labels, scrub_results, write_results
from pgcutover.verdict_document import validate

PASSWORD = 'pa$$ w/o"rd\\'
ROW_VALUE = "jane.doe@example.org"
SUITE = f"""
import logging
import pytest

PASSWORD = {PASSWORD!r}

class Diff:
    def __repr__(self): return "Diff(row=('{ROW_VALUE}',))"
    def __bool__(self): return True

@pytest.fixture
def dsn():
    return f"host=db password='{{PASSWORD}}' dbname=kgc"

def test_differs(dsn):
    print(dsn)
    logging.getLogger().warning("row {ROW_VALUE}")
    assert not Diff(), "public.users: 3 rows differ"

@pytest.fixture
def row():
    return {ROW_VALUE!r}

def test_traceback_prints_its_arguments(row):
    assert row is None, "public.users: 1 row differs"

def test_bare(dsn):
    assert not Diff()

def test_server_quotes_a_row(dsn):
    import psycopg.errors
    raise psycopg.errors.UniqueViolation("key exists\\nDETAIL:  Key (email)=({ROW_VALUE})")

def test_ours(dsn):
    from pgcutover.errors import UnreadableError
    raise UnreadableError("public.users: permission denied; grant select")

def test_ours_with_password(dsn):
    from pgcutover.errors import ServerError
    raise ServerError(f"cannot connect with {{PASSWORD}}")

@pytest.mark.parametrize("dsn", ["postgresql://kgc:hunter2@db/kgc"])
def test_parameter(dsn):
    pass
"""


@pytest.fixture(scope="module")
def raw_results(tmp_path_factory):
    """What allure-pytest writes for checks that do everything wrong."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "--alluredir", "results", "test_suite.py"]
    options = ["-p", "no:pgcutover.plugin", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    subprocess.run([*command, *options], cwd=folder, capture_output=True, check=False, timeout=60)
    return folder / "results"


@pytest.fixture
def results(raw_results, tmp_path):
    for path in raw_results.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def texts(folder: Path) -> str:
    """Everything in a folder, as written and as JSON reads it."""
    raw = [path.read_text("utf-8") for path in sorted(folder.iterdir())]
    read = [
        repr(list(leaves(json.loads(text)))) for text in raw if text.lstrip().startswith(("{", "["))
    ]
    return "\n".join(raw + read)


def leaves(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def messages(folder: Path) -> dict[str, str]:
    entries = [json.loads(p.read_text("utf-8")) for p in folder.glob("*-result.json")]
    return {e["name"]: e.get("statusDetails", {}).get("message", "") for e in entries}


def test_allure_pytest_alone_would_leak(results):
    everything = texts(results)
    assert repr(PASSWORD)[1:-1] in everything
    assert ROW_VALUE in everything
    assert "hunter2" in everything


def test_scrubbed_results_hold_no_secret_and_no_row_value(results):
    found = scrub_results(results, [PASSWORD])
    everything = texts(results)
    assert found >= 5
    for form in (PASSWORD, repr(PASSWORD)[1:-1], json.dumps(PASSWORD)[1:-1], "hunter2", ROW_VALUE):
        assert form not in everything
    assert "Diff(" not in everything


def test_scrubbed_results_still_say_what_is_wrong(results):
    scrub_results(results, [PASSWORD])
    said = messages(results)
    assert said["test_differs"] == "AssertionError: public.users: 3 rows differ"
    assert said["test_bare"] == "AssertionError:"
    assert said["test_server_quotes_a_row"].startswith("UniqueViolation: its message is withheld")
    assert said["test_ours"].endswith(
        f"{UnreadableError.__name__}: public.users: permission denied; grant select"
    )
    assert said["test_ours_with_password"] == "[withheld: it held a secret]"


def test_scrubbing_twice_finds_nothing_more(results):
    scrub_results(results, [PASSWORD])
    before = texts(results)
    assert scrub_results(results, [PASSWORD]) == 0
    assert texts(results) == before


def test_attachments_go(results):
    assert list(results.glob("*-attachment*"))
    scrub_results(results, [])
    assert not list(results.glob("*-attachment*"))
    assert '"source"' not in texts(results)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"", b'"just text"\n['])
def test_result_that_cannot_be_understood_is_removed(tmp_path, content):
    (tmp_path / "a-result.json").write_bytes(content)
    assert scrub_results(tmp_path, ["secret"]) == 1
    assert not list(tmp_path.iterdir())


def test_secret_in_a_key_is_withheld(tmp_path):
    (tmp_path / "a-result.json").write_text('{"has s3cret inside": [{"s3cret": 1}]}')
    assert scrub_results(tmp_path, ["s3cret"]) == 2
    assert "s3cret" not in texts(tmp_path)


def test_link_out_of_the_folder_is_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text('{"name": "s3cret"}')
    inside = tmp_path / "results"
    inside.mkdir()
    (inside / "a-result.json").symlink_to(outside)
    scrub_results(inside, ["s3cret"])
    assert outside.read_text() == '{"name": "s3cret"}'
    assert not list(inside.iterdir())


def test_empty_secret_does_not_wipe_everything(tmp_path):
    (tmp_path / "a-result.json").write_text('{"name": "kept"}')
    assert scrub_results(tmp_path, [""]) == 0
    assert json.loads((tmp_path / "a-result.json").read_text()) == {"name": "kept"}


def test_one_result_an_answer_and_one_a_hole(make_document, tmp_path):
    document = validate(make_document("unknown"))
    count = write_results(document, tmp_path / "results")
    entries = [json.loads(p.read_text()) for p in (tmp_path / "results").glob("*-result.json")]
    assert count == len(entries) == document.coverage.expected
    assert len({e["historyId"] for e in entries}) == count
    statuses = [e["status"] for e in entries]
    assert (statuses.count("passed"), statuses.count("unknown")) == (97, 7)
    lost = next(e for e in entries if e["name"] == "DATA-ROWS[auth.users]")
    assert lost["statusDetails"]["message"] == "this answer was expected and never came"


def test_findings_are_told_with_their_hashed_keys(make_document, tmp_path):
    write_results(validate(make_document("fail")), tmp_path)
    entries = [json.loads(p.read_text()) for p in tmp_path.glob("*-result.json")]
    entry = next(e for e in entries if e["name"] == "DATA-ROWS[auth.users]")
    assert entry["status"] == "failed"
    assert "null_to_empty in auth.users" in entry["statusDetails"]["trace"]
    assert "4f1a9c02be77d310" in entry["statusDetails"]["trace"]
    wanted = labels("kgc", "load", "DATA-ROWS")
    assert wanted.items() <= {x["name"]: x["value"] for x in entry["labels"]}.items()


def test_secret_in_a_verdict_is_not_written(make_document, make_result, tmp_path):
    bad = make_result("DATA-ROWS", "auth.users", "UNKNOWN", message=f"cannot connect {PASSWORD}")
    document = make_document("fail", results=[bad])
    document["migration"]["sabotage"] = f"x {PASSWORD}"
    write_results(validate(document), tmp_path, [PASSWORD])
    assert json.dumps(PASSWORD)[1:-1] not in texts(tmp_path)
    assert PASSWORD not in texts(tmp_path)


def test_results_of_the_same_run_have_the_same_names(make_document, tmp_path):
    for folder in ("a", "b"):
        write_results(validate(make_document("fail")), tmp_path / folder)
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        p.name for p in (tmp_path / "b").iterdir()
    }


def test_folder_that_cannot_be_made_is_one_sentence(make_document, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PgCutoverError, match="cannot write"):
        write_results(validate(make_document("pass")), tmp_path / "file" / "results")
