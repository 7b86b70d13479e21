"""The last lines of the terminal: results that are not PASS, the verdict, and the files."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pgcutover.checking.coverage import Judgement, NotAsked
from pgcutover.checking.remedies import Remedy
from pgcutover.plugin.evidence import Written
from pgcutover.plugin.not_proven import list_not_proven, terminal_lines
from pgcutover.plugin.user_commands import shown_path
from pgcutover.verdict import Verdict

if TYPE_CHECKING:
    from pgcutover.plugin.controller import Gate

_SHOWN = 12  # results named on the terminal; the files have all


def summary(gate: "Gate", judgement: Judgement, written: Written | None) -> Iterator[str]:
    """Return the last lines of the terminal."""
    wrong = sorted(
        (r for r in judgement.results if r.verdict is not Verdict.PASS), key=lambda r: -r.verdict
    )
    for result in wrong[:_SHOWN]:
        yield f"{result.verdict.name:8}{result.identity}: {result.message}"
        yield from advice(gate.commands.remedies(result))
    if len(wrong) > _SHOWN:
        yield f"... and {len(wrong) - _SHOWN} more on the sign-off page"
    yield ""
    of = " of a REHEARSAL" if gate.options.rehearsal else ""
    of += " (interrupted)" if gate.interrupted else ""
    yield f"verdict   {judgement.verdict.name}{of}" + "".join(f"; {r}" for r in judgement.reasons)
    reported = len(gate.plan.expected) - len(judgement.holes)
    yield f"results   {reported} of {len(gate.plan.expected)} expected"
    yield from _warnings(judgement)
    yield from _not_asked(gate.plan.not_asked)
    if gate.context is not None:
        yield from terminal_lines(list_not_proven(gate.context))
    if written is not None:
        yield from _paths(written)
    yield f"time      {gate.journal.elapsed_seconds:.1f} s"
    if gate.options.rehearsal:
        yield "REHEARSAL on embedded servers with generated data: this verdict opens no cutover"


def _warnings(judgement: Judgement) -> Iterator[str]:
    count = sum(len(r.facts.get("warnings", ())) for r in judgement.results)
    if count:
        yield f"warnings  {count}, on the sign-off page; they do not change the verdict"


def _not_asked(checks: Iterable[NotAsked]) -> Iterator[str]:
    """Return the checks that were not asked, one line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for check in checks:
        by_reason.setdefault(check.reason, []).append(check.check_id)
    for reason, ids in by_reason.items():
        yield f"not asked {', '.join(ids)}: {reason}"


def advice(remedies: Iterable[Remedy]) -> Iterator[str]:
    """Return the lines that say what to do about a result."""
    for remedy in remedies:
        yield f"    do:   {remedy.action}"
        if remedy.command:
            yield f"    run:  {remedy.command}"


def _paths(written: Written) -> Iterator[str]:
    files = {"sign-off": written.html, "allure": written.allure, "evidence": written.verdict}
    for name, path in files.items():
        yield f"{name:10}{shown_path(path) if path else 'not made'}"
    for trouble in written.troubles:
        yield f"note      {trouble}"
