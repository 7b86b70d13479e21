"""The severity of each kind of difference: it blocks if the application may notice it.

A property that is not listed blocks in both directions: a missing one loses protection, an extra
one may reject rows that the source accepts. The exceptions are listed: they change performance and
not results, or matter in one direction only.
"""

import enum
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pgcutover.schema.objects import SchemaObject, Value


class Severity(enum.Enum):
    """The severities: a difference that blocks the cutover, or a warning."""

    BLOCK = "block"
    WARN = "warn"


BLOCK, WARN = Severity.BLOCK, Severity.WARN


@dataclass(frozen=True, slots=True)
class Rule:
    """The severities of a kind; `words` is the name of its objects in a sentence.

    None: one side has such objects for a reason other than the migration, as newer servers do.
    `cosmetic` properties are warnings, and so is a `harmless` change from one value to another. An
    object of one side is a warning if its fact `warn_where` is true; that fact is not compared.
    Objects named in `gates_own` are pgcutover's, not the application's: only the target may have
    them. An older version of a `versioned` property blocks, a newer one is a
    warning. Properties that are `not_compared` help to explain others.
    """

    words: str
    missing: Severity | None = BLOCK
    extra: Severity | None = BLOCK
    cosmetic: Collection[str] = ()
    harmless: Mapping[str, tuple[Value, Value]] = field(default_factory=dict)
    warn_where: str = ""
    gates_own: Collection[str] = ()
    versioned: Collection[str] = ()
    not_compared: Collection[str] = ()

    def alone(self, thing: SchemaObject, *, missing: bool) -> Severity | None:
        """Return the severity of an object that only one side has."""
        if thing.name in self.gates_own and not missing:
            return None
        severity = self.missing if missing else self.extra
        return WARN if severity and thing.facts.get(self.warn_where) is True else severity

    def of(self, name: str, expected: Value, found: Value) -> Severity:
        """Return the severity of one differing property."""
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
_MORE = (False, True)
"""A promise that the target keeps and the source does not."""
# logical replication of a table without a key needs FULL; movers set it on the source
_IDENTITY_OF_A_MOVER = {"replica_identity": ("full", "default")}

RULES: Mapping[str, Rule] = {
    "column": Rule(
        "column",
        cosmetic=("storage", "compression", "statistics_target", "options", "position"),
    ),
    "extension": Rule(
        "extension", gates_own=("amcheck",), versioned=("version",), not_compared=("members",)
    ),
    "table": Rule("table", harmless=_IDENTITY_OF_A_MOVER),
    "partition": Rule(
        "partition", cosmetic=("columns_tuned_unlike_parent",), harmless=_IDENTITY_OF_A_MOVER
    ),
    "index": Rule(
        "index", cosmetic=("clustered", "statistics_targets"), harmless={"usable": _MORE}
    ),
    # NOT VALID constraints check new rows, too
    "foreign_key": Rule("foreign key", harmless={"validated": _MORE}),
    "check": Rule("check", harmless={"validated": _MORE}),
    "storage": Rule(
        "storage parameters of", WARN, WARN, ("options", "toast_options", "tablespace")
    ),
    # query plans rely on them; additional ones on the target are harmless
    "statistics": Rule("extended statistics", extra=WARN, cosmetic=("target",)),
    "comment": Rule("comment on", WARN, WARN, ("text", "comment")),
    # managed services have their own roles, and no superuser
    "role": Rule(
        "role",
        extra=WARN,
        cosmetic=("replication",),  # a mover's role needs it on the source
        harmless={n: _LESS for n in ("superuser", "createdb")},
        warn_where="unused_here",  # may belong to another application in another database
    ),
    "tablespace": Rule("tablespace", WARN, WARN, ("options",)),
    "database": Rule("database", cosmetic=("owner", "connection_limit", "is_template")),
    "database_grant": Rule("grant on"),
    "server_setting": Rule("server setting", None, None, ("told",), {"switch": ("off", "on")}),
    # managed services grant and revoke privileges on system objects
    "system_grant": Rule("grant on system object", extra=WARN),
    "extension_grant": Rule("grant on extension's object"),
    "system_cast": Rule("built-in cast", None, None),
    "system_text_search_configuration": Rule("built-in text search configuration", None, None),
    "system_text_search_dictionary": Rule("built-in text search dictionary", None, None),
    "system_routine": Rule("routine in pg_catalog", extra=WARN),
    "parameter_grant": Rule("grant on", extra=WARN),  # usually granted to a mover
    "subscription": Rule("subscription", WARN, WARN, ("enabled", "publications")),
    # builds may use other collation libraries; amcheck finds indexes sorted by another one
    "collation_version": Rule("collation version", WARN, WARN, ("recorded", "actual")),
    "database_collation_version": Rule("collation version of", WARN, WARN, ("recorded", "actual")),
}


def rule_of(kind: str) -> Rule:
    """Return the rule for a kind; without one, every difference blocks."""
    return RULES.get(kind) or Rule(kind.replace("_", " "))


def describe_object(kind: str, name: str) -> str:
    """Return an object's kind and name; `this database` and `this database to a role` have both."""
    if kind == "database":
        return name
    return f"{rule_of(kind).words} {name}"
