"""The results that are not PASS, shown in full up to a stated limit; counts are exact."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgcutover.checking.coverage import RUN_WIDE
from pgcutover.reports.matrix import RANK
from pgcutover.reports.words import label
from pgcutover.verdict import POLICY_NOT_MET
from pgcutover.verdict_json.document import Document, FindingEntry, RemedyEntry, ResultEntry

MAX_RESULTS = 60
MAX_FINDINGS = 240
MAX_FINDINGS_A_RESULT = 20
MAX_VALUES = 24
MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """One named piece of evidence: some values, or rows under a head."""

    label: str
    values: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding as it is shown; its message is shown once, with the result or here."""

    object: str
    kind: str
    message: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """A result that is not PASS, what to do about it, and as many findings as fit.

    `others` are undecided results with the same cause, each with its position.
    """

    anchor: str
    position: int
    name: str
    result: ResultEntry
    message: str
    remedies: tuple[RemedyEntry, ...]
    differences: tuple[Difference, ...]
    hidden: int
    others: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Group:
    """Results of one kind, under a heading of their own."""

    title: str
    lead: str
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """Number of findings of one kind, and of the objects that have them."""

    name: str
    findings: int
    objects: int


@dataclass(frozen=True, slots=True)
class Findings:
    """All results that are not PASS; `shown_*` count those that the page shows."""

    groups: tuple[Group, ...]
    kinds: tuple[Kind, ...]
    results: int
    findings: int
    shown_results: int
    shown_findings: int

    @property
    def anchors(self) -> dict[int, str]:
        """Position of a result in the document to the anchor that explains it."""
        return {n: d.anchor for d in self.details for n in (d.position, *d.others.values())}

    @staticmethod
    def results_of(details: Sequence[Detail]) -> int:
        """Return the number of results that some details explain."""
        return sum(1 + len(detail.others) for detail in details)

    @property
    def details(self) -> tuple[Detail, ...]:
        """Every shown result, in the order of the page."""
        return tuple(detail for group in self.groups for detail in group.details)


_Found = tuple[int, ResultEntry]


def gather(document: Document) -> Findings:
    """Return the findings of every result that is not PASS, FAIL before UNKNOWN."""
    bad = sorted(
        ((n, r) for n, r in enumerate(document.results) if r.verdict != "PASS"),
        key=lambda found: -RANK[found[1].verdict],
    )
    causes: dict[str, list[_Found]] = {}
    for position, result in bad:
        is_shared = result.verdict == "UNKNOWN" and not result.findings
        cause = result.message if is_shared else str(position)
        causes.setdefault(cause, []).append((position, result))
    details = tuple(_details(list(causes.values())[:MAX_RESULTS]))
    every = [f for r in document.results for f in r.findings]
    shown = sum(len(d.differences) for d in details)
    groups = tuple(_groups(details))
    return Findings(
        groups, tuple(_kinds(every)), len(bad), len(every), Findings.results_of(details), shown
    )


_GROUPS = {
    "Differences and faults": "These checks failed.",
    "Policies not met": "Nothing is known to differ here; a rule for the run itself is not met.",
    "Not decided": "These checks could not tell whether source and target are equal.",
}


def _groups(details: Sequence[Detail]) -> Iterator[Group]:
    for title, lead in _GROUPS.items():
        if own := tuple(d for d in details if _group_of(d.result) == title):
            yield Group(title, lead, own)


def _group_of(result: ResultEntry) -> str:
    if result.verdict == "UNKNOWN":
        return "Not decided"
    return "Policies not met" if is_policy(result) else "Differences and faults"


def is_policy(result: ResultEntry) -> bool:
    """Return whether the result fails only because a policy is not met."""
    return bool(result.findings) and all(f.kind == POLICY_NOT_MET for f in result.findings)


def _details(groups: Sequence[list[_Found]]) -> Iterator[Detail]:
    """Yield each group with an equal share of the space, so that no table hides the others."""
    share = min(MAX_FINDINGS_A_RESULT, MAX_FINDINGS // max(1, len(groups)))
    for (position, result), *same in groups:
        others = {f"{other.check_id}[{other.object}]": n for n, other in same}
        differences = tuple(_difference(f) for f in result.findings[:share])
        hidden = len(result.findings) - len(differences)
        # a result's message is made of those of its findings
        has_own = not all(f.message in result.message for f in result.findings)
        message = result.message if has_own or not differences else ""
        remedies = tuple(remedies_of(result))
        anchor = f"result-{position + 1}"
        name = _name(result)
        yield Detail(anchor, position, name, result, message, remedies, differences, hidden, others)


def _name(result: ResultEntry) -> str:
    """Return the object of a result; of a check of the whole database, the first one it names."""
    if result.object != RUN_WIDE or not result.findings:
        return result.object if result.object != RUN_WIDE else "whole database"
    names = list(dict.fromkeys(f.object for f in result.findings if f.object != RUN_WIDE))
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"{names[0]}{more}" if names else "whole database"


def remedies_of(result: ResultEntry) -> list[RemedyEntry]:
    """Return the advice about a result, each once."""
    found: list[RemedyEntry] = []
    for finding in result.findings:
        if finding.remedy is not None and finding.remedy not in found:
            found.append(finding.remedy)
    return found


def _kinds(findings: Sequence[FindingEntry]) -> Iterator[Kind]:
    counts = Counter(f.kind for f in findings)
    objects: defaultdict[str, set[str]] = defaultdict(set)
    for finding in findings:
        objects[finding.kind].add(finding.object)
    for kind, count in counts.most_common():
        yield Kind(label(kind), count, len(objects[kind]))


def _difference(finding: FindingEntry) -> Difference:
    evidence = tuple(_evidence(finding.evidence, 0))
    return Difference(finding.object, label(finding.kind), finding.message, evidence)


def evidence_lines(evidence: Mapping[str, object]) -> Iterator[str]:
    """Return the evidence as lines of plain text."""
    for piece in _evidence(evidence, 0):
        rows = ["; ".join(map(" ".join, zip(piece.head, row, strict=True))) for row in piece.rows]
        more = f" and {piece.hidden:,} more" if piece.hidden else ""
        yield f"{piece.label}: {', '.join([*piece.values, *rows])}{more}"


def _evidence(evidence: Mapping[str, object], depth: int, prefix: str = "") -> Iterator[Evidence]:
    for key, value in evidence.items():
        if value == "":
            continue
        name = f"{prefix}{label(str(key))}"
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            yield from _evidence(value, depth + 1, f"{name}: ")
        elif isinstance(value, (list, tuple)) and value and all(map(_is_flat, value)):
            yield _table(name, value)
        elif isinstance(value, (list, tuple)):
            hidden = max(0, len(value) - MAX_VALUES)
            yield Evidence(name, tuple(map(_text, value[:MAX_VALUES])), hidden=hidden)
        else:
            yield Evidence(name, (_text(value),))


def _is_flat(value: object) -> bool:
    """Return whether this is a mapping of plain values, which makes a row of a table."""
    return isinstance(value, Mapping) and not any(
        isinstance(v, Mapping) or _is_flat_list(v) for v in value.values()
    )


def _is_flat_list(value: object) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(v, Mapping) for v in value)


def _table(name: str, rows: Sequence[Mapping[str, object]]) -> Evidence:
    shown = rows[:MAX_VALUES]
    keys = list(dict.fromkeys(key for row in shown for key in row))
    cells = tuple(tuple(_text(row[k]) if k in row else "" for k in keys) for row in shown)
    head = tuple(label(str(k)) for k in keys)
    return Evidence(name, head=head, rows=cells, hidden=len(rows) - len(shown))


def _text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)) and not any(isinstance(v, (list, Mapping)) for v in value):
        return ", ".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
