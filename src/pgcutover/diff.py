"""The result of a comparison: truthy when different, with findings that hold no value of a row."""

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
        """Return whether source and target differ."""
        return bool(self.differences)

    def report(self) -> str:
        """Return one sentence for each difference."""
        return "; ".join(finding.message for finding in self.differences) or "no difference"

    def findings(self) -> tuple[Finding, ...]:
        """Return the differences."""
        return self.differences


def finding(name: object, kind: str, message: str, **evidence: object) -> Finding:
    """Return a finding about an object."""
    return Finding(str(name), kind, message, evidence)
