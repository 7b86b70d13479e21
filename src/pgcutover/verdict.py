"""The verdict algebra: PASS < UNKNOWN < FAIL, the worst wins, and nothing at all is UNKNOWN."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pgcutover.exit_codes import ExitCode


class Verdict(enum.IntEnum):
    """What is known: equal (PASS), undecided (UNKNOWN), different (FAIL)."""

    PASS = 0
    UNKNOWN = 1
    FAIL = 2

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a run with this verdict."""
        return ExitCode[self.name]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; UNKNOWN where there are none, because nothing proves nothing."""
    return max(verdicts, default=Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Finding:
    """One named difference; its text and evidence hold keyed hashes, never row values."""

    object: str
    kind: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What one check said of one object."""

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
    def identity(self) -> str:
        """`check_id[object]`: the same in a clone, under `--pyargs` and on any machine."""
        return f"{self.check_id}[{self.object}]"
