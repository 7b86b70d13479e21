"""The write freeze of the source: locks, fence, drain and the conditions of its start."""

from pgcutover.freeze.fence import (
    FenceState,
    create_fence,
    find_fenced,
    inspect_fence,
    remove_fence,
)
from pgcutover.freeze.lock import Freeze, FreezeOptions, FreezeResult
from pgcutover.freeze.relations import LockedRelation, read_relations
from pgcutover.freeze.writers import Writers, list_writers

__all__ = [
    "FenceState",
    "Freeze",
    "FreezeOptions",
    "FreezeResult",
    "LockedRelation",
    "Writers",
    "create_fence",
    "find_fenced",
    "inspect_fence",
    "list_writers",
    "read_relations",
    "remove_fence",
]
