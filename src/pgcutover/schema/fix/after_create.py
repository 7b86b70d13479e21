"""What the statement that makes an object cannot say, and must be said after it."""

from collections.abc import Iterator

from pgcutover.schema.compare import CHANGED, Difference, Property
from pgcutover.schema.fix.objects import changes, mapped, published
from pgcutover.schema.fix.sql_names import listed
from pgcutover.schema.objects import SchemaObject, Value
from pgcutover.schema.severity import Severity

_TABLE = ("row_security", "row_security_forced", "replica_identity")
_NOT_SAID = {
    "table": _TABLE,
    "partition": _TABLE,
    "column": ("storage", "statistics_target", "compression", "options", "foreign_options"),
    "index": ("clustered", "statistics_targets"),
    "statistics": ("target",),
    "role": ("member_of",),
    "storage": ("options", "toast_options", "tablespace"),
    **dict.fromkeys(("trigger", "rule", "event_trigger"), ("enabled",)),
}
# what the definitions of these leave out
_LEFT_OUT = {
    "aggregate": (
        "serialize", "deserialize", "final_extra", "final_modify", "state_size", "sort_operator",
        "moving_transition", "moving_inverse", "moving_final", "moving_state_type", "parallel",
        "aggregate_kind",
    ),
    "operator": ("commutator", "negator", "restrict", "join", "hashes", "merges"),
    "operator_family": ("operators", "functions"),
    "base_type": ("receive", "send", "typmod_in", "typmod_out", "analyze", "length", "element"),
}  # fmt: skip
_USUAL: tuple[Value, ...] = (None, False, [], "yes", "enabled", "default")


def completion(thing: SchemaObject) -> Difference | None:
    """The object as if it lacked what its definition does not say; None where it says all."""
    names = _NOT_SAID.get(thing.kind, ())
    properties = tuple(
        Property(name, thing.facts[name], None) for name in names if thing.facts[name] not in _USUAL
    )
    return Difference(CHANGED, Severity.BLOCK, thing, None, properties) if properties else None


def completions(thing: SchemaObject) -> Iterator[str]:
    """Statements for what its definition does not say."""
    missing = completion(thing)
    if missing is not None:
        yield from changes(missing)
    if thing.kind == "sequence" and thing.facts["owned_by"] and thing.definition:
        yield f"alter sequence {thing.name} owned by {thing.facts['owned_by']}"
    if thing.kind == "publication":
        yield published(thing)
    if thing.kind == "text_search_configuration":
        yield from mapped(thing.name, listed(thing.facts["mappings"]), [])


def left_out(thing: SchemaObject) -> list[str]:
    """Properties that neither its definition nor another statement gives it."""
    usual = (*_USUAL, 0, "unsafe", "read_only", "normal")
    return [n for n in _LEFT_OUT.get(thing.kind, ()) if thing.facts[n] not in usual]
