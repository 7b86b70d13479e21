"""The state of a gate run, from which its files and its last lines are written."""

from collections.abc import Callable

from pgcutover.checking.coverage import Judgement, Plan
from pgcutover.checking.registry import Check, find_checks
from pgcutover.context import RunContext
from pgcutover.plugin.run_folder.run_log import RunJournal
from pgcutover.plugin.run_options import Options
from pgcutover.plugin.user_commands import UserCommands
from pgcutover.verdict import Result


class GateState:
    """Options, checks, plan and results of a run; the controller sets them."""

    def __init__(self, options: Options, journal: RunJournal) -> None:
        """Nothing is planned and no result is known yet."""
        self.options = options
        self.journal = journal
        self.commands = UserCommands(options.out, options.key_secret)
        found = find_checks(*options.check_folders)
        self.checks: tuple[Check, ...] = tuple(
            check for check in found if options.stage in ("", check.stage)
        )
        self.context: RunContext | None = None
        self.plan = Plan((), ())
        self.results: list[Result] = []
        self.interrupted = False
        self.judgement: Judgement | None = None
        self.on_verdict: Callable[[Judgement], None] = lambda _: None
