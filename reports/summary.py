"""The verdict in words: the document's own, or a worse one that its results require."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pgcutover.checking.coverage import RUN_WIDE
from pgcutover.reports.findings import is_policy
from pgcutover.reports.matrix import worst
from pgcutover.reports.words import moment
from pgcutover.text.words import count_noun
from pgcutover.verdict_json.document import Document

MAX_REASONS = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """The banner: a verdict, what it means, why, and what contradicts it."""

    verdict: str
    meaning: str
    reasons: tuple[str, ...]
    hidden_reasons: int
    contradictions: tuple[str, ...]
    opens: bool


def summarise(document: Document) -> Summary:
    """Return the banner; a PASS that the document's own results contradict is not shown."""
    against = tuple(contradictions(document))
    verdict = worst([document.verdict, *_carried(document, against)])
    reasons = document.reasons or [_default_reason(document)]
    opens = verdict == "PASS" and not _is_exercise(document)
    return Summary(
        verdict,
        _meaning(document, verdict),
        tuple(reasons[:MAX_REASONS]),
        max(0, len(reasons) - MAX_REASONS),
        against,
        opens,
    )


def contradictions(document: Document) -> Iterator[str]:
    """Yield every reason why the document's verdict cannot be as good as it says."""
    said = document.verdict
    if said == "FAIL":
        return
    counts = Counter(r.verdict for r in document.results)
    if counts["FAIL"]:
        failed = count_noun(counts["FAIL"], "result")
        yield f"verdict.json says {said}, but holds {failed} with FAIL"
    if said == "UNKNOWN":
        return
    if counts["UNKNOWN"]:
        undecided = count_noun(counts["UNKNOWN"], "result")
        yield f"verdict.json says PASS, but holds {undecided} with UNKNOWN"
    yield from _coverage_contradictions(document)


def _coverage_contradictions(document: Document) -> Iterator[str]:
    coverage, results = document.coverage, len(document.results)
    if coverage.holes:
        yield f"verdict.json says PASS, but lacks {count_noun(len(coverage.holes), 'result')}"
    if not coverage.expected or coverage.reported < coverage.expected:
        expected = count_noun(coverage.expected, "expected result")
        yield f"verdict.json says PASS, but of {expected} {coverage.reported:,} were reported"
    if results < coverage.reported:
        yield f"verdict.json counts {count_noun(coverage.reported, 'result')} and holds {results:,}"


def _carried(document: Document, against: tuple[str, ...]) -> Iterator[str]:
    if any(r.verdict == "FAIL" for r in document.results):
        yield "FAIL"
    if against:
        yield "UNKNOWN"


def _default_reason(document: Document) -> str:
    coverage = document.coverage
    return (
        f"{coverage.reported:,} of {count_noun(coverage.expected, 'expected result')} "
        f"were reported for {count_noun(len(document.tables), 'table')}"
    )


def _is_exercise(document: Document) -> bool:
    migration = document.migration
    return migration.rehearsal or migration.sabotage is not None


def _meaning(document: Document, verdict: str) -> str:
    if verdict == "FAIL":
        failed = [r for r in document.results if r.verdict == "FAIL"]
        if failed and all(map(is_policy, failed)):
            return "A policy is not met; nothing is known to differ. The cutover must not open."
        return "Checks found differences or faults. The cutover must not open."
    if document.run.interrupted:
        return "The run was interrupted before its end. The cutover must not open."
    if verdict == "UNKNOWN":
        return "It is not known whether source and target are equal. The cutover must not open."
    equal = "Source and target are equal in everything that was checked."
    if _is_exercise(document):
        return f"{equal} A rehearsal opens no cutover."
    until = document.run.expires_at
    return f"{equal} The cutover may open{f' until {moment(until)}' if until else ''}."


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers under the banner."""

    tables: int
    tables_passed: int
    rows_source: int
    tables_counted: int
    results: int
    passed: int
    run_wide: int


def figures(document: Document, tables_passed: int) -> Figures:
    """Return the counts under the banner."""
    counted = [t.rows_source for t in document.tables if t.rows_source is not None]
    results = document.results
    return Figures(
        tables=len(document.tables),
        tables_passed=tables_passed,
        rows_source=sum(counted),
        tables_counted=len(counted),
        results=len(results),
        passed=sum(r.verdict == "PASS" for r in results),
        run_wide=sum(r.object == RUN_WIDE for r in results),
    )
