"""The controller of a gate run: prepares it, hands out the context, collects and judges results."""

import signal
import sys
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest

from pgcutover.checking.coverage import Judgement, judge, plan_results
from pgcutover.checking.object_kinds import find_objects, load_kinds
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.config import Settings
from pgcutover.connect import COUNTS, remember_server
from pgcutover.context import NO_OBJECTS, RunContext
from pgcutover.error_texts.public_errors import public_error
from pgcutover.errors import PgCutoverError
from pgcutover.freeze.channel import Channel
from pgcutover.plugin import check_items, evidence, terminal_summary
from pgcutover.plugin.failure_groups import FailureGroups
from pgcutover.plugin.freeze_wait import FreezeWait
from pgcutover.plugin.gate_state import GateState
from pgcutover.plugin.night_run import NightRun
from pgcutover.plugin.preparation import run_start
from pgcutover.plugin.progress.progress_display import start_progress
from pgcutover.plugin.progress.progress_files import RUN_FOLDERS, RunFolders
from pgcutover.plugin.run_folder.run_lock import run_lock
from pgcutover.plugin.run_folder.run_log import RunJournal
from pgcutover.plugin.run_options import Options
from pgcutover.plugin.scheduling import TableScheduling, tables_by_id
from pgcutover.plugin.smoke_wait import SmokeWait
from pgcutover.verdict import Verdict

if TYPE_CHECKING:
    from pgcutover.rehearsal.stage import Stage

FIXTURE_MODULES = (
    "settings", "databases", "schema", "dms", "expectations", "progress", "freeze",
    "outbox", "second_write", "smoke", "after",
)  # fmt: skip


def prepare(config: pytest.Config) -> int | None:
    """Read the settings and set the options of other plugins; return 0 after a listing."""
    if hasattr(config, "workerinput"):
        return None
    if sys.flags.optimize:
        raise pytest.UsageError("python -O removes every assert, so no check could fail; drop it")
    try:
        if config.option.sabotage == "list":
            return _list_sabotages()
        gate = Gate(config, Options.of(config))
        gate.set_options_of_others()
        gate.lock()
    except PgCutoverError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(gate, "pgcutover-gate")
    if config.option.smoke_channel is not None:
        channel = Channel.of_descriptor(config.option.smoke_channel)
        config.pluginmanager.register(SmokeWait(channel, gate), "pgcutover-smoke-wait")
    config.pluginmanager.register(FailureGroups(gate.results), "pgcutover-failure-groups")
    return None


def configure(config: pytest.Config) -> None:
    """Register fixtures and item hooks; in a worker, take the context from the controller."""
    for module in FIXTURE_MODULES:
        name = f"pgcutover.fixtures.{module}"
        config.pluginmanager.register(import_module(name), name)
    config.pluginmanager.register(check_items.CheckItems(), "pgcutover-items")
    if hasattr(config, "workerinput"):
        context = RunContext.from_bytes(config.workerinput["pgcutover"])
        remember_server(context.source_dsn, context.manifest.source)
        remember_server(context.target_dsn, context.manifest.target)
        config.stash[check_items.CONTEXT] = context
        settings = context.settings
        folders = RunFolders(**config.workerinput["pgcutover_folders"])
        config.stash[RUN_FOLDERS] = folders
        COUNTS.share(Path(folders.progress))
    else:
        gate = cast("Gate", config.pluginmanager.get_plugin("pgcutover-gate"))
        settings = gate.options.settings
    _collect_own_checks(config, settings)


def _freeze_wait(config: pytest.Config, descriptor: int | None) -> FreezeWait | None:
    """Return the hooks that wait for a cutover's freeze, registered; None in other runs."""
    if descriptor is None:
        return None
    wait = FreezeWait(Channel.of_descriptor(descriptor))
    config.pluginmanager.register(wait, "pgcutover-freeze-wait")
    return wait


def _collect_own_checks(config: pytest.Config, settings: Settings) -> None:
    if settings.checks.folder is not None:
        # two stages may have files of one name, which only this mode can tell apart
        config.option.importmode = "importlib"
        config.args.append(str(settings.resolve(settings.checks.folder)))


class Gate(GateState):
    """Hooks of the controller, the only process that writes results."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        super().__init__(options, RunJournal(self._write_line))
        self.config = config
        self.freeze_wait = _freeze_wait(config, options.freeze_channel)
        self.kinds = load_kinds(options.check_folders, NO_OBJECTS)
        self.context_bytes = b""  # the same for every worker
        self.checkpoints = Checkpoints(None, resume=False)
        self.troubles: list[str] = []
        self.ended = ""  # the error after which no check can be decided
        self.written: evidence.Written | None = None
        self.stage: Stage | None = None
        self.night = NightRun()

    def set_options_of_others(self) -> None:
        """Request a JUnit file, hide local variables, and do not replace lost workers."""
        option, out = self.config.option, self.options.out
        evidence.prepare_folder(out)
        option.showlocals = False  # local variables hold row values and DSNs
        option.xmlpath = option.xmlpath or str(out / "junit.xml")
        # xdist 3.8 gives the item that killed a worker to its replacement, and the run may then
        # never end; a lost worker is UNKNOWN anyway, so no worker is replaced
        option.maxworkerrestart = "0"

    def lock(self) -> None:
        """Refuse a second gate of this migration; a rehearsal has databases of its own."""
        options, settings = self.options, self.options.settings
        Checkpoints(options.checkpoints, resume=False)  # refuses a folder that is not writable
        if options.checkpoints is None:
            return
        dsns = (options.source_dsn or "", options.target_dsn or "")
        stack = ExitStack()
        self.config.add_cleanup(stack.close)
        stack.enter_context(run_lock(settings.path, settings.name, dsns, options.checkpoints))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Open both databases, make the context, and list the expected results."""
        _raise_on_signals()
        stack = ExitStack()
        self.config.add_cleanup(stack.close)
        try:
            if self.freeze_wait is not None:
                self.freeze_wait.read_marks(self.options)
            run = stack.enter_context(run_start.open_run(self.options, self.journal))
            context, self.stage = run.context, run.stage
            found = find_objects(self.kinds, context.settings, context.manifest)
            self.context = replace(context, found_objects=found)
            stack.enter_context(self._progress(self.context))
        except Exception as error:  # whatever it is, a traceback would show DSNs
            pytest.exit(str(public_error(error)), Verdict.UNKNOWN.exit_code)
        self.config.stash[check_items.CONTEXT] = self.context
        switched_off = self.context.switched_off({check.only_where for check in self.checks})
        absences = {**NO_OBJECTS, **{kind.name: kind.absence for kind in self.kinds}}
        stages = self.context.stages_not_asked()
        self.plan = plan_results(
            self.checks, self.context.objects(), switched_off, absences, stages
        )
        asked = len(self.checks) - len(self.plan.not_asked)
        self.journal.say(f"running {asked} checks, {len(self.plan.expected)} results expected")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the context to an xdist worker."""
        self.context_bytes = self.context_bytes or self._context().to_bytes()
        node.workerinput["pgcutover"] = self.context_bytes

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> TableScheduling:
        """Distribute the checks by table, whatever --dist says."""
        return TableScheduling(config, log, tables_by_id(self._context().objects()))

    @pytest.hookimpl(trylast=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Word an interrupt for a user, and report a run that ended before its checks."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        memo = vars(reporter).get("_keyboardinterrupt_memo") if reporter else None
        why = "the run could not start"
        if not excinfo.errisinstance(pytest.exit.Exception):
            why = "the run was interrupted"
            if memo is not None:  # pytest would print a source line of ours and --full-trace
                memo.reprcrash.message = why
        if self.context is None and reporter is not None:
            vars(reporter).update(_keyboardinterrupt_memo=None)
            self._write_line(f"verdict   UNKNOWN; {why}")

    @pytest.hookimpl(tryfirst=True)  # the advice is for JUnit and the terminal, too
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result of a report; any other failed report is a trouble."""
        self.ended = getattr(report, "pgcutover_end", self.ended)
        plain = getattr(report, "pgcutover", None)
        if plain is not None:
            result = check_items.result_from_plain(plain)
            self.results.append(result)
            if report.failed:
                lines = terminal_summary.advice(self.commands.remedies(result))
                report.longrepr = "\n".join([str(report.longrepr), *lines])
        elif report.failed:
            self.troubles.append(f"{report.nodeid} broke outside of a check")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record a file that cannot be collected: its results will be missing."""
        if report.failed:
            self.troubles.append(f"{report.nodeid} could not be collected")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Record a lost worker as a trouble, even if its checks are run again."""
        if error:
            self.troubles.append(f"worker {node.gateway.id} was lost")

    @pytest.hookimpl(wrapper=True, trylast=True)  # workers gone, terminal summary still to come
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Judge, write the evidence and set the exit code: 0 only for PASS."""
        yield
        if self.context is None:
            return
        ended = int(session.exitstatus)
        if ended in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR):
            self.interrupted = True
            self.troubles.append(self.ended or "the run was interrupted before its end")
        self.judgement = judge(self.plan.expected, self.results, self.troubles)
        self.on_verdict(self.judgement)
        if self.freeze_wait is not None:
            self.freeze_wait.send_verdict(self.judgement.verdict.name, self.judgement.reasons)
        try:
            self.written = evidence.write(self, self._context(), self.judgement)
        except Exception as error:  # without its evidence no verdict is worth anything
            self.troubles.append(f"the evidence was not written: {public_error(error)}")
            self.judgement = judge(self.plan.expected, self.results, self.troubles)
        if self.freeze_wait is not None:
            self.freeze_wait.send_evidence(self.options.out, self.troubles)
        if self._complete(self.judgement):
            self.checkpoints.clear()
        self.night.play(self.options, self.stage, self.judgement, self.journal)
        if self.ended or ended not in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR):
            session.exitstatus = self.night.exit_code or self.judgement.verdict.exit_code

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the verdict, its reasons, the files and the time."""
        if self.judgement is None:
            return
        summary = terminal_summary.summary(self, self.judgement, self.written)
        for line in [*summary, *self.night.lines]:
            terminalreporter.write_line(line)

    @pytest.hookimpl(trylast=True)  # after pytest's own last line
    def pytest_unconfigure(self) -> None:
        """Say at the very end that a rehearsal opens no cutover."""
        if self.judgement is not None and self.options.rehearsal:
            self._write_line(terminal_summary.REHEARSAL)

    def _context(self) -> RunContext:
        if self.context is None:
            raise PgCutoverError("the run has no context; it did not start")
        return self.context

    def _progress(self, context: RunContext) -> ExitStack:
        """Open the checkpoints and start to print progress."""
        folder, self.checkpoints = run_start.open_checkpoints(self.options, context.manifest)
        if self.options.resume:
            kept, tables = self.checkpoints.kept, len(context.manifest.tables)
            found = f"checkpoints found for {kept} of {tables} tables"
            found = found if kept else "no checkpoint, so all is read"
            self.journal.say(f"resuming: {found}")
        return start_progress(
            self.config,
            context,
            folder,
            self.options.out,
            self.options.resume,
            self.journal.stamped,
        )

    def _complete(self, judgement: Judgement) -> bool:
        """Return whether every expected result is known, so that nothing is left to resume."""
        unknown = any(r.verdict is Verdict.UNKNOWN for r in judgement.results)
        return not (unknown or judgement.holes or self.troubles)

    def _write_line(self, text: str) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(text)
            reporter.flush()


def _list_sabotages() -> int:
    from pgcutover.setup.demo import sabotage

    for name, description in sabotage.names().items():
        sys.stdout.write(f"{name:28} {description}\n")
    return 0


def _raise_on_signals() -> None:
    """End in good order on every signal that ends a program; nohup's SIGHUP stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN):
            signal.signal(number, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
