"""The smoke suite as a step of a cutover: a failing one takes the freeze back."""

import json

import pytest
from cutover.rig import Night
from cutover.subscriptions import execute
from psycopg import sql

from pgcutover.cli import main
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side, Step
from pgcutover.cutover.status import read_status

SMOKE = """
[cutover.smoke]
suite = true
queries = "queries.sql"
[cutover.hooks.errors]
command = ["sh", "-c", "test ! -e errors"]
"""


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    (tmp_path / "queries.sql").write_text("select * from orders where token = $1;\n")
    made = Night(tmp_path, databases, monkeypatch, SMOKE)
    yield made
    made.close()


def watched_after_the_opening(night, capsys):
    """The stage after on the opened side; the rig's clients have the role of the gate itself."""
    execute(night.dsns[Side.TARGET], "analyze")
    capsys.readouterr()
    code = main(["watch", "--once", "--json", "--migration", str(night.settings.path)])
    found = json.loads(capsys.readouterr().out)
    verdicts = {each["result"]: each["verdict"] for each in found["results"]}
    assert (code, verdicts.pop("AFTER-STRAGGLERS[*]")) == (3, "UNKNOWN"), str(found["results"])
    names = ("FENCE", "JOBS", "LOGS", "SEQUENCES", "STATISTICS")
    assert verdicts == {f"AFTER-{name}[*]": "PASS" for name in names}, found


def test_a_failing_smoke_suite_takes_the_freeze_back(night, capsys):
    database = sql.Identifier(night.databases.name)
    change = sql.SQL("alter database {} {}").format
    execute(night.dsns[Side.TARGET], change(database, sql.SQL("set search_path to nothing")))
    (night.folder / "errors").touch()
    with pytest.raises(StepError, match="smoke: smoke suite: FAIL: ") as caught:
        night.lead(Side.TARGET)
    for said in ("SMOKE-NAMES[*]: orders: expected clients of the target", "SMOKE-PLANS[*]: qu"):
        assert said in str(caught.value)
    status = read_status(night.settings)
    assert (status.history.state.writer, status.pointer) == (Side.SOURCE, "source")
    assert status.accepts_writes[Side.SOURCE]
    execute(night.dsns[Side.TARGET], change(database, sql.SQL("reset search_path")))
    (night.folder / "errors").unlink()
    assert night.lead(Side.TARGET).writer is Side.TARGET
    assert night.facts(Step.SMOKE)["suite"] == "PASS"
    watched_after_the_opening(night, capsys)
    # the verdict is about one stage alone, and under this name no cutover opens
    folder = night.folder / ".pgcutover" / "smoke"
    assert (folder / "smoke-verdict.json").exists()
    assert not (folder / "verdict.json").exists()
