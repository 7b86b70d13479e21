"""The list of checks as a page, from their own docstrings."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from pgcutover.errors import PgCutoverError
from pgcutover.registry import Check, find_checks


def packaged_checks() -> tuple[Check, ...]:
    """The checks that are installed with this package."""
    spec = find_spec("pgcutover.checks")
    if spec is None or not spec.submodule_search_locations:
        raise PgCutoverError("pgcutover.checks is not installed; reinstall pgcutover")
    return find_checks(Path(spec.submodule_search_locations[0]))


def markdown(checks: Iterable[Check]) -> str:
    """One section a stage, one entry a check, in the order they run."""
    lines = ["# The checks", "", "Written by `pgcutover checks`; edit the checks, not this page."]
    for stage, members in groupby(checks, lambda check: check.stage):
        lines += ["", f"## {stage}"]
        for check in members:
            lines += ["", *_entry(check)]
    return "\n".join(lines) + "\n"


def _entry(check: Check) -> Iterator[str]:
    yield f"### {check.id}"
    yield ""
    yield f"{check.title}."
    yield ""
    yield f"- Fails when: {check.fails_when}"
    yield f"- Cannot see: {check.cannot_see}"
    yield f"- Needs: {check.needs}"
    yield f"- Costs: {check.costs}"
