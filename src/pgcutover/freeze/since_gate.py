"""Definitions that changed between the gate that passed and the warm start of the final gate.

The marks of `schema_mark` are taken before the schemas are read, so that a change at any moment
after the gate is in one of the two.
"""

from collections.abc import Iterator
from pathlib import Path

from pgcutover.errors import FreezeError
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.snapshot_file import load
from pgcutover.sides import LABELS

# a publication is made for the mover's way back, or for the change ledger, and changes no row
_OWN_KINDS = ("publication", "publication_table", "publication_schema")
_OWNED = "publication "  # owner and comment of one
_COMPARED = tuple(kind.name for kind in KINDS if kind.name not in _OWN_KINDS)


def refuse_changes(gate: Path, now: Path) -> None:
    """Raise FreezeError that names the changes between two runs' folders."""
    if changes := list(changed_since(gate, now)):
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise FreezeError(f"{'; '.join(changes[:3])}{more}; run the gate again")


def changed_since(gate: Path, now: Path) -> Iterator[str]:
    """Yield a sentence for each change between two runs' folders; ConfigError if one has none."""
    for label in LABELS:
        before, after = (load(run / "schema" / f"{label}.json") for run in (gate, now))
        yield from _changes(label, before, after)


def _changes(label: str, before: Snapshot, after: Snapshot) -> Iterator[str]:
    for kind in sorted({*after.locked, *(after.unread.keys() - before.unread.keys())}):
        yield f"{kind} objects of the {label} cannot be read, or are locked"
    if before.own_role != after.own_role:
        yield f"the {label} is read by the role {after.own_role}, and was by {before.own_role}"
    old, new = (_by_identity(side) for side in (before, after))
    for identity in sorted(old.keys() | new.keys()):
        if old.get(identity) != new.get(identity):
            kind, name = identity
            did = {(True, True): "altered", (True, False): "dropped", (False, True): "created"}
            verb = did[identity in old, identity in new]
            words = f"{kind.replace('_', ' ')} {name} of the {label}"
            yield f"{words} was {verb} since the gate passed"


def _by_identity(snapshot: Snapshot) -> dict[tuple[str, str], SchemaObject]:
    found = snapshot.only(_COMPARED).objects
    return {each.identity: each for each in found if not each.name.startswith(_OWNED)}
