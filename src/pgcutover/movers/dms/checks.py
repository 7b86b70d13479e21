"""Judges each table of the task, and the rows of the control tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable
from pgcutover.movers.dms.task_status import COMPLETED, IN_ERROR, TableStatistics
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

NO_KEY = "No primary key"
_VALIDATED = {"Validated", NO_KEY}
_DIFFERENT = "the validation of DMS found differing rows"
_VALIDATION_FAILED = {
    "Mismatched records": _DIFFERENT,
    "Table error": "the table was not validated because it is in error",
    "Not enabled": "validation is not enabled for this table",
}
_TRANSIENT = {"row-count", "not-loaded"}
_COUNTERS = ("inserts", "updates", "deletes")


@dataclass(frozen=True, slots=True)
class MoverDiff:
    """Problems of one object of the mover; true if there is any."""

    subject: str
    problems: tuple[Finding, ...]
    facts: Mapping[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell if there is a problem."""
        return bool(self.problems)

    @property
    def may_be_transient(self) -> bool:
        """Tell if changes that are not applied yet may explain all problems."""
        return bool(self.problems) and all(p.kind in _TRANSIENT for p in self.problems)

    def findings(self) -> tuple[Finding, ...]:
        """Return every problem with its evidence."""
        return self.problems

    def report(self) -> str:
        """Return the number of problems, then each, in one sentence."""
        if not self.problems:
            return f"{self.subject}: as it should be"
        told = "; ".join(finding.message for finding in self.problems)
        return f"{self.subject}: {count_noun(len(self.problems), 'problem')}: {told}"


def judge_table(
    table: MappedTable, statistics: TableStatistics | None, rows: Callable[[], tuple[int, int]]
) -> MoverDiff:
    """Check that a table is loaded and validated; UnreadableError while DMS has not decided.

    `rows` counts source and target. It is called only if DMS has captured no change since the
    load: only then both sides must have as many rows as were loaded.
    """
    name = str(table.target)
    if statistics is None:
        return MoverDiff(
            name,
            (Finding(name, "unknown-to-dms", f"the task does not move {table.source}"),),
        )
    problems = [*_load_findings(name, statistics), *_validation_findings(name, statistics)]
    if not problems and not any(statistics.captured):
        problems += _row_count_findings(name, statistics, rows())
    facts = table_facts(statistics)
    if not problems and (reason := _describe_undecided(statistics)):
        raise UnreadableError(f"{name}: {reason}")
    return MoverDiff(name, tuple(problems), facts)


def is_undecided(statistics: TableStatistics) -> bool:
    """Tell if DMS has not validated the table yet, or not applied its captured changes."""
    return bool(_describe_undecided(statistics))


def table_facts(statistics: TableStatistics) -> dict[str, object]:
    """Return one table's states and counters, for the evidence."""
    applied = statistics.applied or ()
    return {
        "dms_state": statistics.state,
        "dms_validation": statistics.validation_state,
        "full_load_rows": statistics.full_load_rows,
        "full_load_error_rows": statistics.full_load_error_rows,
        "captured": dict(zip(_COUNTERS, statistics.captured, strict=True)),
        "applied": dict(zip(_COUNTERS, applied, strict=False)),
    }


def _load_findings(name: str, statistics: TableStatistics) -> Iterator[Finding]:
    state = statistics.state
    if state in IN_ERROR:
        yield Finding(name, "table-error", f"DMS reports {state!r}: it moves no more rows of it")
    elif state != COMPLETED:
        yield Finding(name, "not-loaded", f"DMS reports {state!r}; expected {COMPLETED!r}")
    if statistics.full_load_error_rows:
        rows = statistics.full_load_error_rows
        yield Finding(
            name, "load-errors", f"{count_noun(rows, 'row')} could not be loaded", {"rows": rows}
        )


def _validation_findings(name: str, statistics: TableStatistics) -> Iterator[Finding]:
    state = statistics.validation_state
    counts: Mapping[str, object] = {
        "failed": statistics.validation_failed,
        "suspended": statistics.validation_suspended,
    }
    if state in _VALIDATION_FAILED:
        failed = f" ({statistics.validation_failed:,})" if statistics.validation_failed else ""
        yield Finding(name, "validation", _VALIDATION_FAILED[state] + failed, counts)
    elif statistics.validation_failed:
        message = (
            f"{count_noun(statistics.validation_failed, 'record')} failed the validation of DMS"
        )
        yield Finding(name, "validation", message, counts)


def _row_count_findings(
    name: str, statistics: TableStatistics, rows: tuple[int, int]
) -> Iterator[Finding]:
    loaded = statistics.full_load_rows
    for side, count in zip(("source", "target"), rows, strict=True):
        if count != loaded:
            yield Finding(
                name,
                "row-count",
                f"DMS loaded {count_noun(loaded, 'row')} and captured no change since, but "
                f"the {side} has {count:,}",
                {"loaded": loaded, f"rows_{side}": count},
            )


def _describe_undecided(statistics: TableStatistics) -> str:
    state = statistics.validation_state
    if state not in _VALIDATED and state not in _VALIDATION_FAILED:
        return f"DMS has not validated it yet: {state or 'no validation state'!r}"
    if state == "Validated" and statistics.validation_suspended:
        return (
            f"{count_noun(statistics.validation_suspended, 'record')} could not be validated by DMS"
        )
    if statistics.unapplied:
        return "DMS has captured changes that it has not applied yet"
    return ""


def judge_exceptions(
    counts: Mapping[tuple[str, str], int], tables: Iterable[MappedTable]
) -> MoverDiff:
    """Report the rows of the control tables, counted by (control table, table as DMS calls it)."""
    names = _target_names(tables)
    problems = tuple(
        Finding(
            names.get(table, table),
            control.removeprefix("awsdms_"),
            f"{count_noun(count, 'row')} about {names.get(table, table)} in "
            f"{control}: "
            f"{_MEANING.get(control, _DIFFERENT)}",
            {"rows": count, "control_table": control},
        )
        for (control, table), count in sorted(counts.items())
    )
    return MoverDiff("control tables of DMS", problems, {"exception_rows": sum(counts.values())})


def _target_names(tables: Iterable[MappedTable]) -> dict[str, str]:
    """Target names by source name, where that is not itself the name of a target table."""
    known = list(tables)
    targets = {str(table.target) for table in known}
    return {str(t.source): str(t.target) for t in known if str(t.source) not in targets}


_MEANING: Mapping[str, str] = {
    "awsdms_apply_exceptions": "these changes were not applied",
    "awsdms_suspended_tables": "DMS moves no more rows of it",
}
