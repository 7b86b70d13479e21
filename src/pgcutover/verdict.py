"""Verdicts: PASS < UNKNOWN < FAIL; the worst one wins, and an empty run is UNKNOWN."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pgcutover.exit_codes import ExitCode


class Verdict(enum.IntEnum):
    """Equal (PASS), undecided (UNKNOWN) or different (FAIL)."""

    PASS = 0
    UNKNOWN = 1
    FAIL = 2

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of a run with this verdict."""
        return ExitCode[self.name]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; UNKNOWN for none."""
    return max(verdicts, default=Verdict.UNKNOWN)


_DECLARATIONS = "SCHEMA-DECLARED"  # its facts are the declarations themselves
POLICY_NOT_MET = "policy not met"
"""Kind of a finding about a rule for the run itself: nothing is known to differ."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A named difference; message and evidence contain key hashes, never row values."""

    object: str
    kind: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check on one object."""

    check_id: str
    object: str
    stage: str
    verdict: Verdict
    message: str = ""
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    duration_seconds: float = 0.0
    worker: str = "main"
    table: str = ""

    @property
    def is_policy(self) -> bool:
        """Return whether the result fails only because a policy is not met."""
        return bool(self.findings) and all(f.kind == POLICY_NOT_MET for f in self.findings)

    @property
    def identity(self) -> str:
        """Return `check_id[object]`, the same in a clone, under `--pyargs` and anywhere."""
        return f"{self.check_id}[{self.object}]"


class HasFacts(Protocol):
    """A result here, or one of verdict.json."""

    @property
    def check_id(self) -> str:
        """Return the check."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return the facts."""


def list_excused(results: Iterable[HasFacts]) -> list[str]:
    """Return the differences that declarations excuse, each once, with the reason."""
    found = (r.facts.get("declared", ()) for r in results if r.check_id != _DECLARATIONS)
    return list(dict.fromkeys(str(text) for texts in found for text in texts))


def list_warnings(results: Iterable[HasFacts]) -> dict[str, list[str]]:
    """Return the warnings, each once, with the checks that give it."""
    found: dict[str, list[str]] = {}
    for result in results:
        for text in result.facts.get("warnings", ()):
            ids = found.setdefault(str(text), [])
            ids += [] if result.check_id in ids else [result.check_id]
    return found
