"""Test that verdict.json is written atomically, and that an invalid document is refused."""

import json
import os
from pathlib import Path

import pytest

from pgcutover.errors import PgCutoverError
from pgcutover.verdict_json.document import validate
from pgcutover.verdict_json.file import read_verdict, write_verdict


@pytest.mark.parametrize("kind", ["pass", "fail", "unknown"])
def test_reads_back_what_was_written(make_document, tmp_path, kind):
    document = make_document(kind)
    path = write_verdict(validate(document), tmp_path / "out" / "verdict.json")
    assert read_verdict(path).model_dump(exclude_unset=True) == document


def test_verdict_can_be_read_by_everybody(make_document, tmp_path):
    path = write_verdict(validate(make_document("pass")), tmp_path / "verdict.json")
    assert path.stat().st_mode & 0o777 == 0o644


def test_full_disk_leaves_the_earlier_verdict(make_document, tmp_path, monkeypatch):
    path = write_verdict(validate(make_document("fail")), tmp_path / "verdict.json")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PgCutoverError, match=r"cannot write .*verdict\.json: No space left"):
        write_verdict(validate(make_document("pass")), path)
    assert read_verdict(path).verdict == "FAIL"
    assert [p.name for p in tmp_path.iterdir()] == ["verdict.json"]


def test_folder_that_is_a_file_is_one_sentence(make_document, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(PgCutoverError, match="cannot write"):
        write_verdict(validate(make_document("pass")), tmp_path / "out" / "verdict.json")


def test_missing_part_is_named(make_document):
    document = make_document("pass")
    del document["run"]["finished_at"]
    with pytest.raises(PgCutoverError, match="verdict document: run: finished_at is missing"):
        validate(document)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("verdict",), "GREEN", "verdict: expected 'PASS', 'UNKNOWN' or 'FAIL', found str"),
        (("coverage", "expected"), True, "coverage: expected: expected a whole number, found bool"),
        (("coverage", "reported"), "12", "coverage: reported: expected a whole number, found str"),
        (("reasons",), "because", "reasons: expected a list, found str"),
        (("run", "duration_seconds"), float("nan"), "duration_seconds: expected a finite number"),
        (("migration",), None, "migration: expected a table, found NoneType"),
        (
            ("evidence",),
            {"manifest.json": 7},
            "evidence: manifest.json: expected a text, found int",
        ),
        (("format",), 1, "expected format 2, found 1"),
    ],
)
def test_wrong_shape_is_named(make_document, path, value, words):
    document = make_document("pass")
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(PgCutoverError, match=words):
        validate(document)


def test_wrong_result_is_found_by_its_number(make_document):
    document = make_document("pass")
    document["results"][4]["verdict"] = "pass"
    with pytest.raises(PgCutoverError, match=r"results\[5\]: verdict"):
        validate(document)


def test_keys_of_a_newer_version_are_ignored(make_document):
    document = make_document("pass", waivers=[])
    document["run"]["hostname"] = "build-7"
    assert validate(document).verdict == "PASS"


def test_server_that_never_answered_is_allowed(make_document):
    document = make_document("unknown", source=dict.fromkeys(make_document("pass")["source"]))
    assert validate(document).source.lsn is None


def test_values_that_json_lacks_are_not_written(make_document, tmp_path):
    document = make_document("pass")
    document["results"][0]["findings"] = [
        {"object": "a", "kind": "b", "message": "c", "evidence": {"path": Path("/x")}}
    ]
    with pytest.raises(PgCutoverError, match="cannot be written as JSON"):
        write_verdict(validate(document), tmp_path / "verdict.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}'])
def test_a_truncated_file_is_refused(tmp_path, text):
    path = tmp_path / "verdict.json"
    path.write_text(text)
    with pytest.raises(PgCutoverError, match="verdict document"):
        read_verdict(path)


def test_unicode_stays_readable(make_document, tmp_path):
    document = make_document("pass", reasons=["größer \N{SNOWMAN}"])
    path = write_verdict(validate(document), tmp_path / "verdict.json")
    assert "größer" in path.read_text("utf-8")
    assert json.loads(path.read_text("utf-8"))["reasons"] == document["reasons"]
