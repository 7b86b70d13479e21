"""The coverage ledger: what had to be answered, against what was."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgcutover.check_registry import Check
from pgcutover.verdict import Result, Verdict, worst

RUN_WIDE = "*"


@dataclass(frozen=True, slots=True, order=True)
class Expectation:
    """One answer the gate waits for."""

    check_id: str
    object: str
    stage: str

    @property
    def identity(self) -> str:
        """`check_id[object]`, as in `Result.identity`."""
        return f"{self.check_id}[{self.object}]"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of a run and every reason why it is not PASS."""

    verdict: Verdict
    reasons: tuple[str, ...]
    results: tuple[Result, ...]
    holes: tuple[Expectation, ...]
    unexpected: tuple[Result, ...]


def expectations(
    checks: Iterable[Check], objects: Mapping[str, Sequence[str]]
) -> tuple[Expectation, ...]:
    """Checks times objects of the kind each asks for; a check that asks for no kind runs once."""
    wanted: list[Expectation] = []
    for check in checks:
        kinds = [a for a in check.arguments if a in objects]
        names = objects[kinds[0]] if kinds else [RUN_WIDE]
        wanted += [Expectation(check.id, name, check.stage) for name in names]
    return tuple(wanted)


def judge(
    expected: Collection[Expectation],
    results: Iterable[Result],
    troubles: Sequence[str] = (),
) -> Judgement:
    """The worst of all results, holes and troubles; no expectation at all is UNKNOWN."""
    merged = _merge(results)
    wanted = {e.identity for e in expected}
    holes = tuple(e for e in expected if e.identity not in merged)
    unexpected = tuple(r for i, r in merged.items() if i not in wanted)
    verdicts = [r.verdict for r in merged.values()]
    verdicts += [Verdict.UNKNOWN] * (len(holes) + len(troubles))
    return Judgement(
        worst(verdicts) if expected else max(Verdict.UNKNOWN, worst(verdicts)),
        tuple(_reasons(merged.values(), holes, troubles, bool(expected))),
        tuple(merged.values()),
        holes,
        unexpected,
    )


def _merge(results: Iterable[Result]) -> dict[str, Result]:
    merged: dict[str, Result] = {}
    for result in results:
        known = merged.get(result.identity)
        if known is None or result.verdict > known.verdict:
            merged[result.identity] = result
    return merged


def _reasons(
    results: Collection[Result],
    holes: Sequence[Expectation],
    troubles: Sequence[str],
    any_expected: bool,
) -> Iterable[str]:
    failed = sum(r.verdict is Verdict.FAIL for r in results)
    undecided = sum(r.verdict is Verdict.UNKNOWN for r in results)
    if failed:
        yield f"{failed} of {len(results)} answers differ"
    if undecided:
        yield f"{undecided} of {len(results)} answers could not be decided"
    if holes:
        yield f"{len(holes)} expected answers never came, the first is {holes[0].identity}"
    if not any_expected:
        yield "nothing was expected, so nothing is proven"
    yield from troubles
