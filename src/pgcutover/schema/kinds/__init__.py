"""Queries for every kind of schema object: one module for each family, one query for each kind."""

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
"""Kinds that pg_dump writes, so that the expected schema has them too."""

CLUSTER_KINDS: tuple[Kind, ...] = (
    *roles.CLUSTER_KINDS,
    *database.CLUSTER_KINDS,
    *builtin_changes.CLUSTER_KINDS,
)
"""Kinds that pg_dump omits, so that source and target are compared directly."""
