"""Lets a run of the stage smoke wait, warm, until its cutover has switched the clients."""

from collections.abc import Generator
from contextlib import closing

import pytest

from pgcutover.checking.coverage import Judgement
from pgcutover.error_texts.public_errors import public_error
from pgcutover.freeze.channel import Channel
from pgcutover.plugin.check_items import CONTEXT
from pgcutover.plugin.gate_state import GateState
from pgcutover.smoke import SmokeChecker, make_checker

SMOKE = pytest.StashKey[SmokeChecker]()


class SmokeWait:
    """Hooks of a run with --smoke-channel; the cutover sends begin or stop."""

    def __init__(self, channel: Channel, gate: GateState) -> None:
        self._channel = channel
        gate.on_verdict = self.send_verdict

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Warm up, wait for the switch, and run the checks."""
        with closing(make_checker(session.config.stash[CONTEXT])) as checker:
            session.config.stash[SMOKE] = checker
            try:
                checker.warm()
                self._channel.send("ready")
                checker.begin(self._channel.receive("begin")["side"])
            except Exception as error:
                said = str(public_error(error))
                self._channel.send("refused", message=said)
                raise session.Interrupted(said) from None
            return (yield)

    def send_verdict(self, judgement: Judgement) -> None:
        """Tell the cutover the verdict, and why it is not PASS; the evidence is written later."""
        said = [f"{r.identity}: {r.message}" for r in judgement.results if r.message]
        self._channel.send(
            "verdict", verdict=judgement.verdict.name, reasons=[*said, *judgement.reasons]
        )
