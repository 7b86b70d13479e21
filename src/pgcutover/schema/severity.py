"""How grave each difference is, written once: what the application would notice blocks.

A property that is not listed blocks, whichever side has more of it: what the target has too little
of is missed, what it has too much of may refuse rows that the source accepts. Listed are the
exceptions, which change how well things run and not what they do, or where only one direction
matters.
"""

import enum
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pgcutover.schema.objects import SchemaObject, Value


class Severity(enum.Enum):
    """Whether a difference closes the gate or is only told."""

    BLOCK = "block"
    WARN = "warn"


BLOCK, WARN = Severity.BLOCK, Severity.WARN


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind's severities; `words` is what its objects are called in a sentence.

    None says that one side alone has it for no reason of the migration's, as newer servers do.
    `cosmetic` properties only warn; so do `harmless` ones that go from one value to another, and
    an object of one side of which the fact `told_where` is true; that fact is not compared.
    Objects with a name in `gates_own` are the gate's, not the application's: the target may have
    them alone. An older version of a `versioned` property blocks, a newer one only warns.
    """

    words: str
    missing: Severity | None = BLOCK
    extra: Severity | None = BLOCK
    cosmetic: Collection[str] = ()
    harmless: Mapping[str, tuple[Value, Value]] = field(default_factory=dict)
    told_where: str = ""
    gates_own: Collection[str] = ()
    versioned: Collection[str] = ()

    def alone(self, thing: SchemaObject, *, missing: bool) -> Severity | None:
        """The severity of an object that one side alone has."""
        if thing.name in self.gates_own and not missing:
            return None
        severity = self.missing if missing else self.extra
        return WARN if severity and thing.facts.get(self.told_where) is True else severity

    def of(self, name: str, expected: Value, found: Value) -> Severity:
        """The severity of one differing property."""
        if name in self.cosmetic or self.harmless.get(name) == (expected, found):
            return WARN
        if name in self.versioned and version(found) >= version(expected):
            return WARN
        return BLOCK


def version(text: Value) -> list[int]:
    """Return the numbers of a version, in the order in which they are compared."""
    return [int(number) for number in re.findall("[0-9]+", str(text))]


_LESS = (True, False)
"""A right that the target does not give."""

RULES: Mapping[str, Rule] = {
    "column": Rule(
        "column",
        cosmetic=("storage", "compression", "statistics_target", "options", "position"),
    ),
    "extension": Rule("extension", gates_own=("amcheck",), versioned=("version",)),
    "partition": Rule("partition", cosmetic=("columns_tuned_unlike_parent",)),
    "index": Rule("index", cosmetic=("clustered", "statistics_targets")),
    "storage": Rule(
        "storage parameters of", WARN, WARN, ("options", "toast_options", "tablespace")
    ),
    "statistics": Rule("extended statistics", WARN, WARN, ("definition", "target")),
    "comment": Rule("comment on", WARN, WARN, ("text", "comment")),
    # managed services have roles of their own, and give nobody all rights
    "role": Rule(
        "role",
        extra=WARN,
        cosmetic=("replication",),  # a mover's, on the one side or the other
        harmless={n: _LESS for n in ("superuser", "createdb")},
        told_where="unused_here",  # it may be another application's, of another database
    ),
    "tablespace": Rule("tablespace", WARN, WARN, ("options",)),
    "database": Rule("database", cosmetic=("owner", "connection_limit", "is_template")),
    "server_setting": Rule("server setting", None, None, ("told",), {"switch": ("off", "on")}),
    # a managed service takes and gives rights to what the server is made of
    "system_grant": Rule("grant on system object", extra=WARN),
    "extension_grant": Rule("grant on extension's object"),
    "system_cast": Rule("built-in cast", None, None),
    "system_text_search_configuration": Rule("built-in text search configuration", None, None),
    "system_text_search_dictionary": Rule("built-in text search dictionary", None, None),
    "system_routine": Rule("routine in pg_catalog", extra=WARN),
    "parameter_grant": Rule("right to", extra=WARN),  # a mover's, as a rule
    "subscription": Rule("subscription", WARN, WARN, ("enabled", "publications")),
    # another build sorts by another library; what was sorted by the wrong one is amcheck's to find
    "collation_version": Rule("collation version", WARN, WARN, ("recorded", "actual")),
    "database_collation_version": Rule("collation version of", WARN, WARN, ("recorded", "actual")),
}


def rule_of(kind: str) -> Rule:
    """The rule for a kind; everything blocks where none is written."""
    return RULES.get(kind) or Rule(kind.replace("_", " "))
