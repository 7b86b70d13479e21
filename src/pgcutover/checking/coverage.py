"""The coverage ledger: expected results, reported results, and the verdict on both."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgcutover.checking.registry import Check
from pgcutover.text.words import agree, count_noun
from pgcutover.verdict import Result, Verdict, worst

RUN_WIDE = "*"


@dataclass(frozen=True, slots=True, order=True)
class Expectation:
    """One result that the run must report."""

    check_id: str
    object: str
    stage: str

    @property
    def identity(self) -> str:
        """`check_id[object]`, as in `Result.identity`."""
        return f"{self.check_id}[{self.object}]"


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A check that has no object in this migration, or is switched off, and the reason."""

    check_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The results that a run must report, and the checks that it does not ask."""

    expected: tuple[Expectation, ...]
    not_asked: tuple[NotAsked, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of a run and every reason why it is not PASS."""

    verdict: Verdict
    reasons: tuple[str, ...]
    results: tuple[Result, ...]
    holes: tuple[Expectation, ...]
    unexpected: tuple[Result, ...]


def plan_results(
    checks: Iterable[Check],
    objects: Mapping[str, Sequence[object]],
    switched_off: Mapping[str, str],
    no_objects: Mapping[str, str],
    stages_not_asked: Mapping[str, str],
) -> Plan:
    """Return checks times objects of the kind each asks for; a check without a kind runs once.

    `switched_off` holds reasons by key of migration.toml, `no_objects` by kind of object, and
    `stages_not_asked` by stage.
    """
    expected: list[Expectation] = []
    not_asked: list[NotAsked] = []
    for check in checks:
        kind = next((a for a in check.arguments if a in objects), None)
        names = [str(o) for o in objects[kind]] if kind else [RUN_WIDE]
        reason = stages_not_asked.get(check.stage) or switched_off.get(check.only_where, "")
        if reason or not names:
            reason = reason or no_objects.get(kind or "", f"there is no {kind}")
            not_asked.append(NotAsked(check.id, reason))
        else:
            expected += [Expectation(check.id, name, check.stage) for name in names]
    return Plan(tuple(expected), tuple(not_asked))


def judge(
    expected: Collection[Expectation],
    results: Iterable[Result],
    troubles: Sequence[str] = (),
) -> Judgement:
    """Return the worst of all results, holes and troubles; without an expectation UNKNOWN.

    An unexpected result is UNKNOWN at best: nobody would notice when it is missing next time.
    """
    merged = _merge(results)
    wanted = {e.identity for e in expected}
    holes = tuple(e for e in expected if e.identity not in merged)
    unexpected = tuple(r for i, r in merged.items() if i not in wanted)
    verdicts = [r.verdict for r in merged.values()]
    verdicts += [Verdict.UNKNOWN] * (len(holes) + len(unexpected) + len(troubles))
    return Judgement(
        worst(verdicts) if expected else max(Verdict.UNKNOWN, worst(verdicts)),
        (*_reasons(merged.values(), holes, unexpected, bool(expected)), *troubles),
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
    unexpected: Sequence[Result],
    any_expected: bool,
) -> Iterable[str]:
    failed = sum(r.verdict is Verdict.FAIL and not r.is_policy for r in results)
    policies = sum(r.verdict is Verdict.FAIL and r.is_policy for r in results)
    undecided = sum(r.verdict is Verdict.UNKNOWN for r in results)
    every = count_noun(len(results), "result")
    if failed:
        yield f"{failed} of {every} {agree(failed, 'differs', 'differ')}"
    if policies:
        yield f"{policies} {agree(policies, 'policy is', 'policies are')} not met"
    if undecided:
        yield f"{undecided} of {every} could not be decided"
    if holes:
        missing = f"{count_noun(len(holes), 'expected result')} {agree(len(holes), 'is', 'are')}"
        yield f"{missing} missing, the first is {holes[0].identity}"
    if unexpected:
        yield (
            f"{unexpected[0].identity} is the result of a check that the run did not expect; "
            "name the folder of your checks in checks.folder of migration.toml"
        )
    if not any_expected:
        yield "nothing was expected, so nothing is proven"
