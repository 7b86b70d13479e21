"""Faults of the source that the target must not repeat: harmful settings, stale collations.

They are warnings about the source. Where the target is without the fault, it is as it should be.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from pgcutover.schema.objects import SchemaObject, Snapshot, Value

_CONSEQUENCES = {
    ("session_replication_role", "replica"): "foreign keys and triggers do not fire",
    ("autovacuum", "off"): "dead rows are kept and statistics are not refreshed",
    ("zero_damaged_pages", "on"): "damaged pages are read as empty, so rows are lost silently",
    ("ignore_system_indexes", "on"): "catalogs are read without their indexes",
    ("default_transaction_read_only", "on"): "sessions cannot write",
    ("event_triggers", "off"): "event triggers do not fire",
}
# not worth a warning: the source's durability ends with the migration
_NOT_REPEATED = {("fsync", "off"), ("full_page_writes", "off")}
_SETTINGS = ("server_setting", "database_setting", "role_setting")
_COLLATIONS = ("collation_version", "database_collation_version")


def source_warnings(source: Snapshot, kinds: Collection[str]) -> Iterator[str]:
    """Return one sentence for each fault in objects of some kinds."""
    for each in source.objects:
        if each.kind not in kinds:
            continue
        if consequence := _CONSEQUENCES.get(_setting(each)):
            yield (
                f"{each.kind.replace('_', ' ')} {each.name} is {_value(each)} on the source: "
                f"{consequence}; correct it there, and do not repeat it on the target"
            )
        elif _is_stale(each):
            recorded, actual = each.facts["recorded"], each.facts["actual"]
            what = "the database" if each.kind.startswith("database") else f"collation {each.name}"
            now = f"provides version {actual}" if actual else "provides no version"
            yield (
                f"{what} records collation version {recorded}, and the source's system {now}: text "
                "indexes may be out of order, so unique keys may hold duplicates that the target "
                f"refuses; on the source run reindex, then {each.definition}"
            )


def without_faults(source: Snapshot, target: Snapshot) -> Snapshot:
    """Return what the target is expected to have: the source without its faults.

    A harmful setting is expected to be as the target has it, whatever that is; no collation is
    expected to be stale.
    """
    found = {o.identity: o for o in target.objects if o.kind in (*_SETTINGS, *_COLLATIONS)}
    objects: list[SchemaObject] = []
    for each in source.objects:
        if _setting(each) in _CONSEQUENCES.keys() | _NOT_REPEATED:
            objects += filter(None, [found.get(each.identity)])
        elif _is_stale(each):
            # its version is told as stale, and not once more as different
            facts = found[each.identity].facts if each.identity in found else each.facts
            objects.append(replace(each, facts={**each.facts, **facts, "stale": False}))
        else:
            objects.append(each)
    return replace(source, objects=tuple(objects))


def _is_stale(thing: SchemaObject) -> bool:
    return thing.kind in _COLLATIONS and thing.facts.get("stale") is True


def _setting(thing: SchemaObject) -> tuple[str, str]:
    """Return name and value of a setting; names of other objects are not looked at."""
    if thing.kind not in _SETTINGS:
        return "", ""
    return thing.name.partition(" of ")[0], str(_value(thing))


def _value(thing: SchemaObject) -> Value:
    """A server setting's value is in the property that says how a difference is judged."""
    return next((thing.facts[n] for n in ("value", "switch", "told") if n in thing.facts), None)
