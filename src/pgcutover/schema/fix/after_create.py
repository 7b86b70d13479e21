"""Properties that CREATE statements cannot set, and the statements that set them afterwards."""

from collections.abc import Iterator

from pgcutover.schema.compare import CHANGED, Difference, Property
from pgcutover.schema.fix.objects import changes, mapping_statements, publication_options
from pgcutover.schema.fix.sql_names import as_list
from pgcutover.schema.objects import SchemaObject, Value
from pgcutover.schema.severity import Severity

_TABLE = ("row_security", "row_security_forced", "replica_identity")
_NOT_IN_DEFINITION = {
    "table": _TABLE,
    "partition": _TABLE,
    "column": ("storage", "statistics_target", "compression", "options", "foreign_options"),
    "index": ("clustered", "statistics_targets"),
    "statistics": ("target",),
    "role": ("member_of",),
    "storage": ("options", "toast_options", "tablespace"),
    **dict.fromkeys(("trigger", "rule", "event_trigger"), ("enabled",)),
}
# properties that these definitions omit and no other statement sets
_UNSUPPORTED = {
    "aggregate": (
        "serialize", "deserialize", "final_extra", "final_modify", "state_size", "sort_operator",
        "moving_transition", "moving_inverse", "moving_final", "moving_state_type", "parallel",
        "aggregate_kind",
    ),
    "operator": ("commutator", "negator", "restrict", "join", "hashes", "merges"),
    "operator_family": ("operators", "functions"),
    "base_type": ("receive", "send", "typmod_in", "typmod_out", "analyze", "length", "element"),
}  # fmt: skip
_DEFAULTS: tuple[Value, ...] = (None, False, [], "yes", "enabled", "default")


def list_settings(thing: SchemaObject) -> Difference | None:
    """Return the properties to set after creation as a difference; None if there are none."""
    names = _NOT_IN_DEFINITION.get(thing.kind, ())
    properties = tuple(
        Property(name, thing.facts[name], None)
        for name in names
        if thing.facts[name] not in _DEFAULTS
    )
    return Difference(CHANGED, Severity.BLOCK, thing, None, properties) if properties else None


def setting_statements(thing: SchemaObject) -> Iterator[str]:
    """Yield the statements that set these properties of a new object."""
    missing = list_settings(thing)
    if missing is not None:
        yield from changes(missing)
    if thing.kind == "sequence" and thing.facts["owned_by"] and thing.definition:
        yield f"alter sequence {thing.name} owned by {thing.facts['owned_by']}"
    if thing.kind == "publication":
        yield publication_options(thing)
    if thing.kind == "text_search_configuration":
        yield from mapping_statements(thing.name, as_list(thing.facts["mappings"]), [])


def list_unsupported(thing: SchemaObject) -> list[str]:
    """Return the properties that neither the definition nor another statement sets."""
    usual = (*_DEFAULTS, 0, "unsafe", "read_only", "normal")
    return [n for n in _UNSUPPORTED.get(thing.kind, ()) if thing.facts[n] not in usual]
