"""Lets a run of the stage freeze wait, warm, until its cutover has frozen the source."""

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pgcutover.connect import open_watch
from pgcutover.context import RunContext
from pgcutover.error_texts.public_errors import public_error
from pgcutover.errors import PgCutoverError
from pgcutover.freeze.channel import Channel
from pgcutover.freeze.checker import FreezeChecker, FreezeState
from pgcutover.mapping import RelationName
from pgcutover.plugin.check_items import CONTEXT
from pgcutover.sides import Sides

CHECKER = pytest.StashKey[FreezeChecker]()


class FreezeWait:
    """Hooks of a run with --freeze-channel; the cutover sends hold, begin or stop."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Warm up, wait for the freeze, and run the checks."""
        context = session.config.stash[CONTEXT]
        with closing(_checker(context)) as checker:
            session.config.stash[CHECKER] = checker
            try:
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
            message = self._channel.receive("hold", "begin", "stop")
            if message["kind"] == "stop":
                raise PgCutoverError("the cutover needs no verdict any more")
            if message["kind"] == "begin":
                checker.begin(FreezeState(**message["state"]))
                return
            checker.hold()
            self._channel.send("held")


def _checker(context: RunContext) -> FreezeChecker:
    dsns = Sides(context.source_dsn, context.target_dsn)
    marker = RelationName(*context.settings.schema.marker_table.split(".", 1))
    return FreezeChecker(
        dsns.map(lambda dsn: lambda: open_watch(dsn)),
        context.manifest.tables,
        context.schema.moved,
        (marker,),
    )
