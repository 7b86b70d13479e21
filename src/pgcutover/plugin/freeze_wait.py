"""Lets a run of the stage freeze wait, warm, until its cutover has frozen the source."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pgcutover.connect import open_side, open_watch
from pgcutover.context import RunContext
from pgcutover.error_texts.public_errors import public_error
from pgcutover.errors import FreezeError, PgCutoverError
from pgcutover.freeze.channel import Channel
from pgcutover.freeze.checker import FreezeChecker, FreezeState
from pgcutover.freeze.schema_mark import SchemaMark, read_schema_mark
from pgcutover.freeze.since_gate import refuse_changes
from pgcutover.plugin.check_items import CONTEXT
from pgcutover.plugin.run_options import Options
from pgcutover.schema.evidence_file import load_moved
from pgcutover.sides import Sides

CHECKER = pytest.StashKey[FreezeChecker]()


class FreezeWait:
    """Hooks of a run with --freeze-channel; the cutover sends warm, then hold, begin or stop."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._marks: Sides[SchemaMark] | None = None

    def read_marks(self, options: Options) -> None:
        """Read the schema's marks, before the schemas themselves are read."""
        dsns = Sides(options.source_dsn or "", options.target_dsn or "")
        with open_side("source", dsns.source) as source, open_side("target", dsns.target) as target:
            self._marks = Sides(source, target).map(read_schema_mark)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Warm up, wait for the freeze, and run the checks."""
        context = session.config.stash[CONTEXT]
        message = self._channel.receive("warm")
        gate = Path(message["reference"]) if message["reference"] else None
        is_reverse, moved = message["writer"] == "target", load_moved(gate) if gate else {}
        with closing(_checker(context, is_reverse, self._marks, moved)) as checker:
            session.config.stash[CHECKER] = checker
            try:
                if gate is not None:
                    refuse_changes(gate, session.config.option.out)
                checker.warm()
                self._channel.send("ready")
                self._wait(checker)
            except Exception as error:
                said = str(public_error(error))
                self._channel.send("refused", message=said)
                raise session.Interrupted(said) from None
            return (yield)

    def send_verdict(self, verdict: str, reasons: tuple[str, ...]) -> None:
        """Tell the cutover the verdict; the evidence is still to be written."""
        self._channel.send("verdict", verdict=verdict, reasons=list(reasons))

    def send_evidence(self, out: Path, troubles: Sequence[str]) -> None:
        """Tell the cutover that the evidence is on disk, or why it is worth nothing.

        The verdict is about the freeze alone, so its file has a name with which no cutover opens.
        """
        verdict = out / "verdict.json"
        if verdict.exists():
            verdict.rename(out / "freeze-verdict.json")
        if troubles:
            self._channel.send("refused", message="; ".join(troubles))
        else:
            self._channel.send("evidence")

    def _wait(self, checker: FreezeChecker) -> None:
        while True:
            message = self._channel.receive("hold", "release", "begin", "stop")
            if message["kind"] == "stop":
                raise PgCutoverError("the cutover needs no verdict any more")
            if message["kind"] == "begin":
                checker.begin(FreezeState(**message["state"]))
                return
            if message["kind"] == "release":
                checker.release()
                self._channel.send("released")
                continue
            try:
                checker.hold()
            except FreezeError as error:  # it may be tried again
                self._channel.send("refused", message=str(error))
            else:
                self._channel.send("held")


def _checker(
    context: RunContext,
    is_reverse: bool,
    marks: Sides[SchemaMark] | None,
    moved: Mapping[str, str],
) -> FreezeChecker:
    """Return the checker of a freeze of the source; or of the target, which swaps the sides."""
    name, tables = context.settings.schema.marker_table, context.manifest.tables
    marker = next((t for t in tables if str(t.source) == name), None)
    sides = Sides(("source", context.source_dsn), ("target", context.target_dsn))
    if is_reverse:
        sides, marks = sides.swap(), marks and marks.swap()
        tables = tuple(table.invert() for table in tables)
        marker = marker and marker.invert()
    return FreezeChecker(
        sides.map(lambda side: lambda: open_watch(side[1])),
        tables,
        moved,
        (marker.source,) if marker else (),
        marks=marks,
        labels=sides.map(lambda side: side[0]),
    )
