"""Tables and checks: the result of each check of each table, the worst rows first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pgcutover.checking.coverage import RUN_WIDE
from pgcutover.checking.registry import STAGES
from pgcutover.verdict_json.document import CheckInfo, Document, TableEntry

# A4 upright has space for six columns beside the table's name and its row counts
COLUMNS_A_MATRIX = 6
MAX_ROWS = 200
MAX_OBJECTS_A_TABLE = 20
RANK = {"PASS": 0, "UNKNOWN": 1, "FAIL": 2}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result, or a missing one (`position` is None), as the matrix shows it."""

    group: str
    object: str
    check_id: str
    verdict: str
    position: int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """The worst of some results; `verdict` is empty where the check does not apply."""

    verdict: str = ""
    bad: int = 0
    total: int = 0
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A table, or an object of it that is not PASS, and its cells."""

    name: str
    cells: tuple[Cell, ...]
    verdict: str
    table: TableEntry | None = None
    objects: tuple["Row", ...] = ()
    hidden_objects: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """A part of the columns: their stages, their checks and all rows."""

    stages: tuple[str, ...]
    columns: tuple[CheckInfo, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Matrices:
    """The matrices, the verdict of each table, and the names of the tables without a row."""

    parts: tuple[Matrix, ...]
    verdicts: Mapping[str, str]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]


def worst(verdicts: Iterable[str]) -> str:
    """Return the worst verdict; UNKNOWN where there is none."""
    return max(verdicts, key=RANK.__getitem__, default="UNKNOWN")


def table_of(name: str, tables: Mapping[str, object]) -> str:
    """Return the table of an object by its name, else a heading for its schema."""
    owner = name
    while owner:
        if owner in tables:
            return owner
        owner = owner.rpartition(".")[0]
    schema = name.partition(".")[0] if "." in name else ""
    return f"other objects in {schema}" if schema else "other objects"


def outcomes(document: Document) -> Iterator[Outcome]:
    """Yield every result and every missing result, in the document's order."""
    tables = {t.target: t for t in document.tables}
    for position, result in enumerate(document.results):
        group = result.table or table_of(result.object, tables)
        yield Outcome(group, result.object, result.check_id, result.verdict, position)
    for hole in document.coverage.holes:
        group = hole.table or table_of(hole.object, tables)
        yield Outcome(group, hole.object, hole.check_id, "UNKNOWN", None)


def columns(document: Document, used: Iterable[str]) -> list[CheckInfo]:
    """Return the checks with these ids, in the order of the stages."""
    stage_of = {r.check_id: r.stage for r in document.results}
    known = {c.id: c for c in document.checks}
    wanted = dict.fromkeys(used)
    named = [c for c in document.checks if c.id in wanted]
    rest = [_nameless(name, stage_of.get(name, "")) for name in wanted if name not in known]
    return sorted([*named, *rest], key=lambda c: _stage_rank(c.stage))


def _nameless(name: str, stage: str) -> CheckInfo:
    return CheckInfo(
        id=name, stage=stage, title=name, fails_when="", cannot_see="", needs="", costs=""
    )


def _stage_rank(stage: str) -> tuple[int, str]:
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)


def build(document: Document, anchors: Mapping[int, str]) -> Matrices:
    """Return the matrices; `anchors` has the place that explains the result at a position."""
    found = [a for a in outcomes(document) if a.object != RUN_WIDE]
    checks = columns(document, (a.check_id for a in found))
    groups = _grouped(document, found)
    names = sorted(groups, key=lambda n: _order(n, groups[n]))
    parts = tuple(
        _part(part, names[:MAX_ROWS], groups, document, anchors) for part in _split(checks)
    )
    verdicts = {name: worst(a.verdict for a in groups[name]) for name in names}
    return Matrices(parts, verdicts, _left_out(names[MAX_ROWS:], verdicts))


def _grouped(document: Document, found: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {t.target: [] for t in document.tables}
    for outcome in found:
        groups.setdefault(outcome.group, []).append(outcome)
    return groups


def _order(name: str, group: Sequence[Outcome]) -> tuple[int, str]:
    return (-RANK[worst(a.verdict for a in group)], name)


def _split(checks: Sequence[CheckInfo]) -> Iterator[tuple[CheckInfo, ...]]:
    """Yield whole stages together while they fit, a long stage in several parts."""
    part: list[CheckInfo] = []
    for _, stage in groupby(checks, key=lambda c: c.stage):
        together = list(stage)
        if part and len(part) + len(together) > COLUMNS_A_MATRIX:
            yield tuple(part)
            part = []
        part += together
        while len(part) > COLUMNS_A_MATRIX:
            yield tuple(part[:COLUMNS_A_MATRIX])
            part = part[COLUMNS_A_MATRIX:]
    if part:
        yield tuple(part)


def _part(
    checks: tuple[CheckInfo, ...],
    names: Sequence[str],
    groups: Mapping[str, Sequence[Outcome]],
    document: Document,
    anchors: Mapping[int, str],
) -> Matrix:
    tables = {t.target: t for t in document.tables}
    ids = [c.id for c in checks]
    rows = [_row(name, groups[name], ids, anchors, tables.get(name)) for name in names]
    return Matrix(tuple(dict.fromkeys(c.stage for c in checks)), checks, tuple(rows))


def _row(
    name: str,
    group: Sequence[Outcome],
    ids: Sequence[str],
    anchors: Mapping[int, str],
    table: TableEntry | None,
) -> Row:
    shown = [a for a in group if a.check_id in ids]
    bad: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in shown:
        if outcome.verdict != "PASS" and outcome.object != name:
            bad[outcome.object].append(outcome)
    objects = [
        Row(object_, _cells(some, ids, anchors), worst(a.verdict for a in some))
        for object_, some in list(bad.items())[:MAX_OBJECTS_A_TABLE]
    ]
    hidden = max(0, len(bad) - MAX_OBJECTS_A_TABLE)
    verdict = worst(a.verdict for a in group)
    return Row(name, _cells(shown, ids, anchors), verdict, table, tuple(objects), hidden)


def _cells(
    some: Iterable[Outcome], ids: Sequence[str], anchors: Mapping[int, str]
) -> tuple[Cell, ...]:
    by_check: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in some:
        by_check[outcome.check_id].append(outcome)
    return tuple(_cell(by_check[name], anchors) if name in by_check else Cell() for name in ids)


def _cell(some: Sequence[Outcome], anchors: Mapping[int, str]) -> Cell:
    verdict = worst(a.verdict for a in some)
    bad = [a for a in some if a.verdict != "PASS"]
    first = next((a for a in some if a.verdict == verdict != "PASS"), None)
    return Cell(verdict, len(bad), len(some), _anchor(first, anchors) if first else "")


def _anchor(outcome: Outcome, anchors: Mapping[int, str]) -> str:
    if outcome.position is None:
        return "coverage"
    return anchors.get(outcome.position, "findings")


def _left_out(
    names: Sequence[str], verdicts: Mapping[str, str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (verdict, tuple(some)) for verdict, some in groupby(names, key=verdicts.__getitem__)
    )
