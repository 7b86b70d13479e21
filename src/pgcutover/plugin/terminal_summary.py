"""The last lines of the terminal: results that are not PASS, the verdict, and the files."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from pgcutover.checking.coverage import Judgement, NotAsked
from pgcutover.checking.remedies import Remedy
from pgcutover.config.differences import DeclaredDifference
from pgcutover.plugin.evidence import Written
from pgcutover.plugin.failure_groups import group_by_cause, group_name
from pgcutover.plugin.gate_state import GateState
from pgcutover.plugin.not_proven import list_not_proven, terminal_lines
from pgcutover.plugin.user_commands import shown_path
from pgcutover.schema.explained.declared import describe_declaration
from pgcutover.text.words import count_noun
from pgcutover.verdict import Result, list_excused, list_warnings

REHEARSAL = "REHEARSAL on embedded servers with generated data: this verdict opens no cutover"
_SHOWN = 12  # messages shown on the terminal; the files have all
_LISTED = 10
_WIDTH = 160


def summary(gate: GateState, judgement: Judgement, written: Written | None) -> Iterator[str]:
    """Return the last lines of the terminal."""
    yield from result_lines(judgement.results, gate.commands.remedies)
    yield ""
    of = " of a REHEARSAL" if gate.options.rehearsal else ""
    of += " (interrupted)" if gate.interrupted else ""
    yield f"verdict   {judgement.verdict.name}{of}" + "".join(f"; {r}" for r in judgement.reasons)
    reported = len(gate.plan.expected) - len(judgement.holes)
    yield f"results   {reported} of {len(gate.plan.expected)} expected"
    yield from warning_lines(judgement.results)
    declared = gate.options.settings.differences
    yield from declared_lines(declared, list_excused(judgement.results))
    yield from _not_asked(gate.plan.not_asked)
    if gate.context is not None:
        yield from terminal_lines(list_not_proven(gate.context))
    if written is not None:
        yield from _paths(written)
    yield f"time      {gate.journal.elapsed_seconds:.1f} s"


def result_lines(
    results: Iterable[Result], remedies_of: Callable[[Result], Iterable[Remedy]]
) -> Iterator[str]:
    """Return the results that are not PASS, the worst first; UNKNOWNs with one cause share it."""
    groups = group_by_cause(list(results))
    for group in groups[:_SHOWN]:
        first = group[0]
        yield f"{first.verdict.name:8}{group_name(group)}: {first.message}"
        yield from advice(remedies_of(first))
    if hidden := sum(map(len, groups[_SHOWN:])):
        yield f"... and {count_noun(hidden, 'more result')} on the sign-off page"


def warning_lines(results: Iterable[Result]) -> Iterator[str]:
    """Return the warnings, one line each, up to a limit; equal ones of several checks once."""
    found = list_warnings(results)
    if not found:
        return
    yield f"warnings  {len(found)}; they do not change the verdict"
    yield from _first_lines([f"{', '.join(ids)}: {text}" for text, ids in found.items()])


def declared_lines(declared: Sequence[DeclaredDifference], covered: Sequence[str]) -> Iterator[str]:
    """Return the declarations of migration.toml, and what each of them excuses, up to a limit."""
    if not declared:
        return
    yield f"declared  {count_noun(len(declared), 'difference')} in migration.toml"
    lines = [f"{describe_declaration(each)}: {each.reason}" for each in declared]
    lines += [f"excused: {text}" for text in covered]
    yield from _first_lines(lines)


def _first_lines(lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:_LISTED]:
        text = " ".join(line.split())
        yield f"          {text if len(text) <= _WIDTH else text[: _WIDTH - 4] + ' ...'}"
    if len(lines) > _LISTED:
        yield f"          and {len(lines) - _LISTED} more on the sign-off page"


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
