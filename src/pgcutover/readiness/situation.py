"""Problems and warnings, gathered into the result of a readiness check."""

from dataclasses import dataclass, field

from pgcutover.diff import Diff, finding
from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class Situation:
    """The findings of a check: problems fail it, warnings are only shown."""

    problems: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    def add(self, name: object, kind: str, message: str, *, fails: bool = True) -> None:
        """Add a problem, or only a warning."""
        if fails:
            self.problems.append(finding(name, kind, message))
        else:
            self.warnings.append(message)

    def diff(self) -> Diff:
        """Return the result."""
        warned = {"warnings": self.warnings} if self.warnings else {}
        return Diff("*", tuple(self.problems), {**self.facts, **warned})
