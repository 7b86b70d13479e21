"""Test the night on the sign-off page."""

import json

import pytest

from pgcutover.errors import PgCutoverError
from pgcutover.reports import html
from pgcutover.reports.night import read_night
from pgcutover.verdict_json.document import validate

FORWARD = [
    ["check gate", 0.001], ["create slot", 2.77], ["lock", 0.007], ["drain", 0.094],
    ["raise sequences", 0.423], ["final gate", 0.138], ["switch secret", 0.02], ["open", 0.256],
    ["start mover", 2.646],
]  # fmt: skip
BACK = [["create slot", 0.5], ["lock", 0.006], ["open", 0.2], ["open", 0.1]]
OPEN_SET = {
    "open_keys": 1_404,
    "oldest_seconds": 2.1,
    "grows_per_second": 70.0,
    "drains_per_second": None,
    "forecast_seconds": 0.06,
}


def passage(command, steps):
    return {
        "command": command,
        "seconds": 12.5,
        "write_gap_seconds": 1.25,
        "freeze_seconds": 0.938,
        "steps": steps,
    }


def night(**more):
    return {
        "passages": [passage("cutover", FORWARD), passage("rollback", BACK)],
        "writes": 2_345,
        "lost": 0,
        "client_errors": 0,
        "seconds": 41.0,
        "write_gap_seconds": 1.25,
        **more,
    }


@pytest.fixture
def read(tmp_path):
    def write_and_read(content):
        path = tmp_path / "night.json"
        path.write_text(json.dumps(content))
        return read_night(path)

    return write_and_read


def test_steps_that_hold_writers_are_marked_in_the_order_they_were_taken(read):
    view = read(night())
    names = [row.step for row in view.rows]
    assert names == [step for step, _ in FORWARD]
    marked = [row.step for row in view.rows if row.is_frozen]
    assert marked == names[names.index("lock") : names.index("open") + 1]
    by_name = {row.step: row.seconds for row in view.rows}
    assert by_name["drain"] == (0.094, None)
    assert by_name["open"] == (0.256, pytest.approx(0.3))  # done again after a crash


def test_the_page_shows_timeline_gap_losses_and_the_open_set(read, make_document):
    document = validate(make_document("pass"))
    assert 'id="night"' not in html.render(document)
    view = read(night(open_set=OPEN_SET))
    page = html.render(document, view)
    shown = ("1. cutover", "2. rollback", "1.2 s", "938 ms", "1,404", view.sha256, "not known")
    assert [text for text in shown if text not in page] == []
    assert "<dd>0<span> of 2,345</span></dd>" in page
    assert "not ready" not in page


@pytest.mark.parametrize("fault", ["lost", "client_errors"])
def test_a_lost_write_or_a_failed_client_stands_out(read, make_document, fault):
    page = html.render(validate(make_document("pass")), read(night(**{fault: 3})))
    assert '<dd class="fail">3<span>' in page
    assert "not ready" in page


def test_another_file_is_refused_by_name(read, tmp_path):
    with pytest.raises(PgCutoverError, match=r"night\.json: writes is not as expected"):
        read(night(writes="many"))
    with pytest.raises(PgCutoverError, match="cannot be read"):
        read_night(tmp_path / "missing.json")
