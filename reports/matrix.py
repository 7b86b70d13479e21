"""Tables x checks: which check said what of which table, the worst rows first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pgcutover.check_registry import STAGES
from pgcutover.coverage import RUN_WIDE
from pgcutover.verdict_document import CheckInfo, Document, TableEntry

# six columns beside the table's name and its counts are what A4 upright holds
COLUMNS_A_MATRIX = 6
MAX_ROWS = 200
MAX_OBJECTS_A_TABLE = 20
RANK = {"PASS": 0, "UNKNOWN": 1, "FAIL": 2}


@dataclass(frozen=True, slots=True)
class Answer:
    """One result, or one hole (then `position` is None), as the matrix needs it."""

    group: str
    object: str
    check_id: str
    verdict: str
    position: int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """The worst of some answers; `verdict` is empty where the check does not apply."""

    verdict: str = ""
    bad: int = 0
    total: int = 0
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A table (or, below it, one object that is not PASS) and its cells."""

    name: str
    cells: tuple[Cell, ...]
    verdict: str
    table: TableEntry | None = None
    objects: tuple["Row", ...] = ()
    hidden_objects: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """Some columns of the whole: the stages they belong to, the checks, the rows."""

    stages: tuple[str, ...]
    columns: tuple[CheckInfo, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Matrices:
    """Every matrix, the verdict of every table, and the names of the rows left out."""

    parts: tuple[Matrix, ...]
    verdicts: Mapping[str, str]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]


def worst(verdicts: Iterable[str]) -> str:
    """The worst verdict name; UNKNOWN of nothing."""
    return max(verdicts, key=RANK.__getitem__, default="UNKNOWN")


def table_of(name: str, tables: Mapping[str, object]) -> str:
    """The table an object belongs to by its name, else the rest of its schema."""
    owner = name
    while owner:
        if owner in tables:
            return owner
        owner = owner.rpartition(".")[0]
    schema = name.partition(".")[0] if "." in name else ""
    return f"other objects in {schema}" if schema else "other objects"


def answers(document: Document) -> Iterator[Answer]:
    """Every result and every hole that speaks of an object, in the document's order."""
    tables = {t.target: t for t in document.tables}
    for position, result in enumerate(document.results):
        group = result.table or table_of(result.object, tables)
        yield Answer(group, result.object, result.check_id, result.verdict, position)
    for hole in document.coverage.holes:
        group = hole.table or table_of(hole.object, tables)
        yield Answer(group, hole.object, hole.check_id, "UNKNOWN", None)


def columns(document: Document, used: Iterable[str]) -> list[CheckInfo]:
    """The checks that speak of objects, in the order of the stages."""
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
    """The matrices; `anchors` says where the result at a position is explained."""
    found = [a for a in answers(document) if a.object != RUN_WIDE]
    checks = columns(document, (a.check_id for a in found))
    groups = _grouped(document, found)
    names = sorted(groups, key=lambda n: _order(n, groups[n]))
    parts = tuple(
        _part(part, names[:MAX_ROWS], groups, document, anchors) for part in _split(checks)
    )
    verdicts = {name: worst(a.verdict for a in groups[name]) for name in names}
    return Matrices(parts, verdicts, _left_out(names[MAX_ROWS:], verdicts))


def _grouped(document: Document, found: Iterable[Answer]) -> dict[str, list[Answer]]:
    groups: dict[str, list[Answer]] = {t.target: [] for t in document.tables}
    for answer in found:
        groups.setdefault(answer.group, []).append(answer)
    return groups


def _order(name: str, group: Sequence[Answer]) -> tuple[int, str]:
    return (-RANK[worst(a.verdict for a in group)], name)


def _split(checks: Sequence[CheckInfo]) -> Iterator[tuple[CheckInfo, ...]]:
    """Whole stages together while they fit, a long stage in several parts."""
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
    groups: Mapping[str, Sequence[Answer]],
    document: Document,
    anchors: Mapping[int, str],
) -> Matrix:
    tables = {t.target: t for t in document.tables}
    ids = [c.id for c in checks]
    rows = [_row(name, groups[name], ids, anchors, tables.get(name)) for name in names]
    return Matrix(tuple(dict.fromkeys(c.stage for c in checks)), checks, tuple(rows))


def _row(
    name: str,
    group: Sequence[Answer],
    ids: Sequence[str],
    anchors: Mapping[int, str],
    table: TableEntry | None,
) -> Row:
    shown = [a for a in group if a.check_id in ids]
    bad: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in shown:
        if answer.verdict != "PASS" and answer.object != name:
            bad[answer.object].append(answer)
    objects = [
        Row(object_, _cells(some, ids, anchors), worst(a.verdict for a in some))
        for object_, some in list(bad.items())[:MAX_OBJECTS_A_TABLE]
    ]
    hidden = max(0, len(bad) - MAX_OBJECTS_A_TABLE)
    verdict = worst(a.verdict for a in group)
    return Row(name, _cells(shown, ids, anchors), verdict, table, tuple(objects), hidden)


def _cells(
    some: Iterable[Answer], ids: Sequence[str], anchors: Mapping[int, str]
) -> tuple[Cell, ...]:
    by_check: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in some:
        by_check[answer.check_id].append(answer)
    return tuple(_cell(by_check[name], anchors) if name in by_check else Cell() for name in ids)


def _cell(some: Sequence[Answer], anchors: Mapping[int, str]) -> Cell:
    verdict = worst(a.verdict for a in some)
    bad = [a for a in some if a.verdict != "PASS"]
    first = next((a for a in some if a.verdict == verdict != "PASS"), None)
    return Cell(verdict, len(bad), len(some), _anchor(first, anchors) if first else "")


def _anchor(answer: Answer, anchors: Mapping[int, str]) -> str:
    if answer.position is None:
        return "coverage"
    return anchors.get(answer.position, "findings")


def _left_out(
    names: Sequence[str], verdicts: Mapping[str, str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (verdict, tuple(some)) for verdict, some in groupby(names, key=verdicts.__getitem__)
    )
