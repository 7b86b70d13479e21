"""The sections `[[differences]]`: schema differences that are there on purpose."""

from typing import Literal

from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION


@dataclass(frozen=True, slots=True, config=SECTION)
class DeclaredDifference:
    """A schema difference that is there on purpose: one exact object, never a pattern."""

    kind: Literal["index", "foreign_key", "table", "column"]
    """Kind of the object."""
    object: str
    """Name of the object on the target, or on the source if it was dropped."""
    change: Literal["added", "changed", "dropped"]
    """`added` must be on the target, `dropped` must not, `changed` must match `definition`."""
    reason: str
    """Why the difference is intended; reports print it."""
    definition: str | None = None
    """An index or foreign key as PostgreSQL prints it; a column's type and properties as the
    finding prints them."""
