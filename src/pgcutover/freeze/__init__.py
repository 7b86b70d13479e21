"""The write freeze of the source: locks, fence, drain and the conditions of its start."""

from pgcutover.freeze.checker import FreezeChecker, FreezeState
from pgcutover.freeze.conditions.start_conditions import StartFacts, start_conditions
from pgcutover.freeze.drain import DrainMarker, DrainResult
from pgcutover.freeze.fence import (
    FenceState,
    create_fence,
    find_fenced,
    inspect_fence,
    remove_fence,
)
from pgcutover.freeze.lock import Freeze, FreezeOptions, FreezeResult, PoolerHooks
from pgcutover.freeze.mover_role import (
    MoverFence,
    fence_mover_role,
    is_mover_fenced,
    mover_role_problems,
    restore_mover_role,
)
from pgcutover.freeze.relations import LockedRelation, hold_tables, read_relations
from pgcutover.freeze.warm_gate import FreezeVerdict, WarmGate
from pgcutover.freeze.writers import Writers, list_writers

__all__ = [
    "DrainMarker",
    "DrainResult",
    "FenceState",
    "Freeze",
    "FreezeChecker",
    "FreezeOptions",
    "FreezeResult",
    "FreezeState",
    "FreezeVerdict",
    "LockedRelation",
    "MoverFence",
    "PoolerHooks",
    "StartFacts",
    "WarmGate",
    "Writers",
    "create_fence",
    "fence_mover_role",
    "find_fenced",
    "hold_tables",
    "inspect_fence",
    "is_mover_fenced",
    "list_writers",
    "mover_role_problems",
    "read_relations",
    "remove_fence",
    "restore_mover_role",
    "start_conditions",
]
