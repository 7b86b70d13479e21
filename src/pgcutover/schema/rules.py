"""How grave each difference is, written once: what the application would notice blocks.

A property that is not listed blocks, whichever side has more of it: what the target has too little
of is missed, what it has too much of may refuse rows that the source accepts. Listed are the
exceptions, which change how well things run and not what they do.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Severity(enum.Enum):
    """Whether a difference closes the gate or is only told."""

    BLOCK = "block"
    WARN = "warn"


BLOCK, WARN = Severity.BLOCK, Severity.WARN


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind's severities; `words` is what its objects are called in a sentence."""

    words: str
    missing: Severity = BLOCK
    extra: Severity = BLOCK
    properties: Mapping[str, Severity] = field(default_factory=dict)

    def of(self, properties: list[str]) -> Severity:
        """The worst severity of some differing properties."""
        grave = any(self.properties.get(p, BLOCK) is BLOCK for p in properties)
        return BLOCK if grave else WARN


_COSMETIC = {"missing": WARN, "extra": WARN}
RULES: Mapping[str, Rule] = {
    "column": Rule(
        "column",
        properties=dict.fromkeys(("storage", "compression", "statistics_target", "position"), WARN),
    ),
    "index": Rule(
        "index",
        properties=dict.fromkeys(("clustered", "reloptions", "statistics_targets"), WARN),
    ),
    "storage": Rule("storage parameters", WARN, WARN, {"options": WARN, "tablespace": WARN}),
    "statistics": Rule("extended statistics", WARN, WARN, {"definition": WARN}),
    "comment": Rule("comment", WARN, WARN, {"text": WARN, "comment": WARN}),
    "materialized_view": Rule("materialized view", properties={"reloptions": WARN}),
}


def rule_of(kind: str) -> Rule:
    """The rule for a kind; everything blocks where none is written."""
    return RULES.get(kind) or Rule(kind.replace("_", " "))
