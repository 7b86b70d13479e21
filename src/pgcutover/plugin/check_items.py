"""Check items: parametrized over the manifest, ordered, and reported without secrets."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from pgcutover.catalog.table_sizes import TableSize
from pgcutover.checking.coverage import RUN_WIDE
from pgcutover.checking.registry import STAGES
from pgcutover.context import RunContext
from pgcutover.error_texts.public_errors import public_error
from pgcutover.errors import AnotherServerError
from pgcutover.plugin.scheduling import parameter_id, table_of
from pgcutover.verdict import Finding, Result, Verdict

CONTEXT = pytest.StashKey[RunContext]()
FINDINGS = pytest.StashKey[list[Finding]]()
FACTS = pytest.StashKey[dict[str, object]]()


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of an item's result."""

    check_id: str
    object: str
    stage: str
    table: str


IDENTITY = pytest.StashKey[Identity]()
_NOTHING = "(nothing of this kind)"  # pytest would make a skipped item of an empty list


class CheckItems:
    """Hooks for items; registered in the controller and in every worker of a gate run."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a check every object of the kind it asks for."""
        if metafunc.definition.get_closest_marker("check") is None:
            return
        objects = metafunc.config.stash[CONTEXT].objects()
        for kind in sorted(objects.keys() & set(metafunc.fixturenames)):
            values: list[object] = [*objects[kind]] or [_NOTHING]
            metafunc.parametrize(kind, values, ids=[*map(parameter_id, values)])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Store each item's identity, and order the items."""
        context = config.stash[CONTEXT]
        kinds = set(context.objects())
        for item in items:
            if (identity := _identify(item, kinds)) is not None:
                item.stash[IDENTITY] = identity
        items[:] = [i for i in items if _is_asked(i, context)]
        items.sort(key=lambda item: _position(item, context.sizes))

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self) -> Generator[None, object, object]:
        """Replace an unexpected error by one whose message is public."""
        return (yield from _raise_public_error())

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Replace an unexpected error by one whose message is public."""
        return (yield from _raise_public_error())

    @pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_runtest_makereport")
    def pytest_remove_traceback(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put one sentence in place of the traceback, before any other plugin reads it."""
        report = yield
        identity = item.stash.get(IDENTITY, None)
        if identity is not None and report.failed and call.excinfo is not None:
            report.longrepr = f"{identity.check_id}[{identity.object}]: {_message(report, call)}"
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the result on the finished report, which xdist sends to the controller."""
        report = yield
        identity = item.stash.get(IDENTITY, None)
        if identity is not None and (judged := _judge(report, call)) is not None:
            report.__dict__["pgcutover"] = _plain_result(item, identity, *judged, report)
        if call.excinfo is not None and call.excinfo.errisinstance(AnotherServerError):
            report.__dict__["pgcutover_end"] = item.session.shouldstop = str(call.excinfo.value)
        return report


def result_from_plain(plain: Mapping[str, Any]) -> Result:
    """Return the result of a report."""
    findings = tuple(Finding(**finding) for finding in plain["findings"])
    return Result(**{**plain, "verdict": Verdict[plain["verdict"]], "findings": findings})


def _raise_public_error() -> Generator[None, object, object]:
    try:
        return (yield)
    except Exception as error:
        public = public_error(error)
        if public is error:
            raise
        raise public from None


def _identify(item: pytest.Item, kinds: Iterable[str]) -> Identity | None:
    marker = item.get_closest_marker("check")
    if marker is None or not marker.args:
        return None
    params = getattr(getattr(item, "callspec", None), "params", {})
    objects = [value for kind, value in params.items() if kind in kinds]
    name = str(objects[0]) if objects else RUN_WIDE
    table = table_of(objects[0]) if objects else ""
    return Identity(str(marker.args[0]), name, item.path.parent.name, table)


def _is_asked(item: pytest.Item, context: RunContext) -> bool:
    if _NOTHING in getattr(getattr(item, "callspec", None), "params", {}).values():
        return False
    marker = item.get_closest_marker("check")
    key = marker.kwargs.get("only_where", "") if marker else ""
    if item.path.parent.name in context.stages_not_asked():
        return False
    return not context.switched_off([key])


def _position(item: pytest.Item, sizes: Mapping[str, TableSize]) -> tuple[object, ...]:
    """Return the sort key: stage, checks without a table first, then the biggest table first.

    It is the same in all workers, and total, because xdist refuses workers that disagree.
    """
    identity = item.stash.get(IDENTITY, None)
    if identity is None or identity.stage not in STAGES:
        return (len(STAGES),)
    size = sizes[identity.table].bytes if identity.table in sizes else 0
    stage = STAGES.index(identity.stage)
    return stage, bool(identity.table), -size, identity.table, item.nodeid


def _judge(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[Verdict, str] | None:
    if report.skipped or hasattr(report, "wasxfail"):
        return Verdict.UNKNOWN, "it was skipped or expected to fail, so nothing is known"
    if report.passed:
        return (Verdict.PASS, "") if report.when == "call" else None
    differs = report.when == "call" and call.excinfo and call.excinfo.errisinstance(AssertionError)
    return Verdict.FAIL if differs else Verdict.UNKNOWN, _message(report, call)


def _message(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    if call.excinfo is None:
        return f"it failed without an error (in {report.when})"
    error = call.excinfo.value
    if isinstance(error, Exception):  # pytest keeps a failed fixture's own error for later items
        error = public_error(error)
    text = _public_text(error)
    return text if report.when == "call" else f"{text} (in {report.when})"


def _public_text(error: BaseException) -> str:
    """Return the message that the check itself wrote; pytest's explanation holds values of rows."""
    text = str(error).split("\nassert ")[0]
    if isinstance(error, AssertionError) and (not text or text.startswith("assert ")):
        return "the check failed without a message; give its assert one: assert equal, message"
    return text or type(error).__name__


def _plain_result(
    item: pytest.Item,
    identity: Identity,
    verdict: Verdict,
    message: str,
    report: pytest.TestReport,
) -> dict[str, Any]:
    return {
        "check_id": identity.check_id,
        "object": identity.object,
        "stage": identity.stage,
        "verdict": verdict.name,
        "message": message,
        "findings": [asdict(finding) for finding in item.stash.get(FINDINGS, [])],
        "facts": item.stash.get(FACTS, {}),
        "duration_seconds": round(report.duration, 3),
        "table": identity.table,
        "worker": getattr(item.config, "workerinput", {}).get("workerid", "main"),
    }
