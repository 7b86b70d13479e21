"""Every kind of object that a schema is made of; one module a family, one query a kind."""

from pgcutover.schema.kinds import (
    builtin_changes,
    constraints,
    database,
    extensions,
    privileges,
    roles,
    routines,
    tables,
    text_search,
    triggers,
    types,
    views,
)
from pgcutover.schema.kinds.model import Kind

__all__ = ["CLUSTER_KINDS", "KINDS", "Kind"]

KINDS: tuple[Kind, ...] = (
    *database.KINDS,
    *extensions.KINDS,
    *types.KINDS,
    *text_search.KINDS,
    *tables.KINDS,
    *constraints.KINDS,
    *views.KINDS,
    *triggers.KINDS,
    *routines.KINDS,
    *privileges.KINDS,
    *builtin_changes.KINDS,
)
"""What a dump carries, so that the expected schema has it too."""

CLUSTER_KINDS: tuple[Kind, ...] = (
    *roles.CLUSTER_KINDS,
    *database.CLUSTER_KINDS,
    *builtin_changes.CLUSTER_KINDS,
)
"""What no dump carries, so that source and target are compared directly."""
