"""What a comparison answers: truthy when different, with a report and findings, never a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class Diff:
    """Named differences of one object; truthy when there are any."""

    object: str
    differences: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether source and target differ."""
        return bool(self.differences)

    def report(self) -> str:
        """One sentence a difference."""
        return "; ".join(finding.message for finding in self.differences) or "no difference"

    def findings(self) -> tuple[Finding, ...]:
        """The differences as findings."""
        return self.differences


def finding(name: object, kind: str, message: str, **evidence: object) -> Finding:
    """A finding about an object."""
    return Finding(str(name), kind, message, evidence)
