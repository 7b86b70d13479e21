"""Test the Allure results that are written from a verdict."""

import json
from pathlib import Path

import pytest

from pgcutover.errors import PgCutoverError
from pgcutover.reports.allure_results import labels, write_results
from pgcutover.verdict_json.document import validate

PASSWORD = 'pa$$ w/o"rd\\'


def texts(folder: Path) -> str:
    """Return all text in a folder, as written and as parsed JSON."""
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


def test_each_result_and_each_missing_result_has_one_file(make_document, tmp_path):
    document = validate(make_document("unknown"))
    count = write_results(document, tmp_path / "results")
    entries = [json.loads(p.read_text()) for p in (tmp_path / "results").glob("*-result.json")]
    assert count == len(entries) == document.coverage.expected
    assert len({e["historyId"] for e in entries}) == count
    statuses = [e["status"] for e in entries]
    assert (statuses.count("passed"), statuses.count("unknown")) == (97, 7)
    lost = next(e for e in entries if e["name"] == "DATA-ROWS[auth.users]")
    assert lost["statusDetails"]["message"] == "this result was expected and is missing"


def test_findings_show_their_hashed_keys(make_document, tmp_path):
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
