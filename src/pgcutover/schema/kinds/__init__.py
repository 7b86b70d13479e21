"""Every kind of object that a schema is made of; one module a family, one query a kind."""

from pgcutover.schema.kinds import views
from pgcutover.schema.kinds.model import Kind

__all__ = ["KINDS", "Kind"]

KINDS: tuple[Kind, ...] = (*views.KINDS,)
