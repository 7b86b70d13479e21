"""Objects of the source that need not be on the target, because they do not migrate.

These are the tables that the mapping excludes, the columns that it removes, the schemas that held
nothing else, and what movers other than DMS keep on their source.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pgcutover.schema.compare import MISSING, Difference
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.objects import SchemaObject
from pgcutover.schema.quoted_names import plain_name, schema_of, split_name
from pgcutover.schema.severity import Severity

# the schemas in which movers keep their own tables and functions, and publications that they make:
# pg_easy_replicate, pgcopydb, pgstream, pglogical, Bucardo, Londiste (pgq)
_TOOLS: Mapping[str, str] = {
    "pger": "pg_easy_replicate",
    "pgcopydb": "pgcopydb",
    "pgstream": "pgstream",
    "pglogical": "pglogical",
    "bucardo": "Bucardo",
    "londiste": "Londiste",
    "pgq": "Londiste",
    "pgq_node": "Londiste",
}
_PUBLICATION_OF_TOOL = re.compile(r'"?pger_publication_')


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Recognizes differences that a mover or an exclude rule explains."""

    tables: frozenset[str]
    columns: frozenset[str]
    schemas: frozenset[str]
    subscribed: frozenset[str]

    @classmethod
    def of(cls, evidence: SchemaEvidence) -> "LeftBehind":
        """Return what the evidence says stays on the source."""
        subscriptions = evidence.target.of_kind("subscription").values()
        subscribed = {p for s in subscriptions for p in _texts(s.facts.get("publications"))}
        tables = frozenset(evidence.left_behind)
        columns = frozenset(evidence.removed_columns)
        return cls(tables, columns, _emptied(evidence, tables), frozenset(subscribed))

    def covers(self, difference: Difference) -> bool:
        """Return whether the mapping leaves this object out, and the target does not have it."""
        if difference.change != MISSING:
            return False
        kind, name = difference.object.kind, difference.object.name
        if kind == "column":
            return plain_name(name) in self.columns
        if kind == "default_privilege":
            return any(f" in schema {schema} on " in name for schema in self.schemas)
        left = {"table": self.tables, "schema": self.schemas}.get(kind, frozenset[str]())
        return name in left

    def of_mover(self, difference: Difference) -> Difference:
        """Return a warning for what a mover left on the source; else the difference itself."""
        if difference.change == MISSING and (tool := self._tool(difference.object)):
            note = f"it belongs to {tool}, which moves rows, so that the target needs none"
            return replace(difference, severity=Severity.WARN, note=note)
        return difference

    def _tool(self, thing: SchemaObject) -> str:
        publication = thing.name.rpartition(" in ")[2]
        if thing.kind.startswith("publication"):
            if publication in self.subscribed or publication.strip('"') in self.subscribed:
                return "the target's own subscription"
            return "pg_easy_replicate" if _PUBLICATION_OF_TOOL.match(publication) else ""
        return tool_of_schema(schema_of(thing))


def tool_of_schema(schema: str) -> str:
    """Return the mover that keeps its objects in a schema of this name; '' where none is known."""
    return _TOOLS.get(schema, "")


def _emptied(evidence: SchemaEvidence, tables: Collection[str]) -> frozenset[str]:
    """Return the schemas that hold nothing once tables have moved out of them or are left behind.

    A schema that is empty on the source is not among them.
    """
    if evidence.expected is None:
        return frozenset()
    left = {split_name(name)[0] for name in tables}
    moved = ((split_name(a)[0], split_name(b)[0]) for a, b in evidence.moved.items())
    left |= {before for before, after in moved if before != after}
    held = {
        schema_of(each)
        for each in evidence.expected.objects
        if each.kind not in ("schema", "owner", "grant", "comment", "default_privilege", "trigger")
        and each.name not in tables
        and each.table not in tables
    }
    return frozenset(left - held)


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
