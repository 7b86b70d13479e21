"""The last lines of the terminal: results that are not PASS, the verdict, and the files."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pgcutover.checking.coverage import Judgement, NotAsked
from pgcutover.checking.remedies import Remedy
from pgcutover.plugin.evidence import Written
from pgcutover.plugin.not_proven import list_not_proven, terminal_lines
from pgcutover.plugin.user_commands import shown_path
from pgcutover.verdict import Result, Verdict

if TYPE_CHECKING:
    from pgcutover.plugin.controller import Gate

_SHOWN = 12  # messages shown on the terminal; the files have all


def summary(gate: "Gate", judgement: Judgement, written: Written | None) -> Iterator[str]:
    """Return the last lines of the terminal."""
    yield from result_lines(judgement.results, gate.commands.remedies)
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


def result_lines(
    results: Iterable[Result], remedies_of: Callable[[Result], Iterable[Remedy]]
) -> Iterator[str]:
    """Return the results that are not PASS, the worst first; UNKNOWNs with one cause share it."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.verdict is not Verdict.PASS:
            cause = result.message if result.verdict is Verdict.UNKNOWN else result.identity
            groups.setdefault(cause, []).append(result)
    ordered = sorted(groups.values(), key=lambda group: -group[0].verdict)
    for first, *others in ordered[:_SHOWN]:
        more = f" and {_more_results(len(others))}" if others else ""
        yield f"{first.verdict.name:8}{first.identity}{more}: {first.message}"
        yield from advice(remedies_of(first))
    if hidden := sum(map(len, ordered[_SHOWN:])):
        yield f"... and {_more_results(hidden)} on the sign-off page"


def _more_results(count: int) -> str:
    return f"{count} more result{'' if count == 1 else 's'}"


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
