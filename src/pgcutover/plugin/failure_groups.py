"""Shows a cause that several undecided results share once among pytest's own failures."""

from collections.abc import Generator
from typing import Any

import pytest

from pgcutover.text.words import count_noun
from pgcutover.verdict import Result, Verdict

_CATEGORIES = ("failed", "error")


def group_by_cause(results: list[Result]) -> list[list[Result]]:
    """Return results that are not PASS, the worst first; UNKNOWNs with one cause together."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.verdict is not Verdict.PASS:
            cause = result.message if result.verdict is Verdict.UNKNOWN else result.identity
            groups.setdefault(cause, []).append(result)
    return sorted(groups.values(), key=lambda group: -group[0].verdict)


def group_name(group: list[Result]) -> str:
    """Return the first result's name, and how many more there are."""
    first, *others = group
    return first.identity + (f" and {count_noun(len(others), 'more result')}" if others else "")


class FailureGroups:
    """Hides reports that repeat a cause while pytest prints its failures and its summary."""

    def __init__(self, results: list[Result]) -> None:
        """Keep the list to which the controller adds results."""
        self.results = results

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around the reporter's own wrapper
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        """Leave out all but the first report of each cause, and name their number there."""
        groups = group_by_cause(self.results)
        names = {group[0].identity: group_name(group) for group in groups if len(group) > 1}
        repeated = {result.identity for group in groups for result in group[1:]}
        stats = terminalreporter.stats
        whole = {category: stats[category] for category in _CATEGORIES if category in stats}
        for category, reports in whole.items():
            stats[category] = [r for r in reports if _identity(r) not in repeated]
            for report in stats[category]:
                if name := names.get(_identity(report)):
                    report.longrepr = str(report.longrepr).replace(_identity(report), name, 1)
        yield
        stats.update(whole)  # for the counts


def _identity(report: Any) -> str:
    plain = getattr(report, "pgcutover", None)
    return f"{plain['check_id']}[{plain['object']}]" if plain else ""
