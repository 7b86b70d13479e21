"""The schemas that a run has read, as the schema checks get them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgcutover.config.differences import DeclaredDifference
from pgcutover.schema.objects import Snapshot


@dataclass(frozen=True, slots=True)
class SchemaEvidence:
    """Both schemas and the expected one; `trouble` says why there is no expected schema.

    `source` holds what no dump carries: roles, settings, encoding, large objects. `own_roles` are
    the gate's, quoted: their rights are not the application's. Names are quoted as SQL wants them:
    `compared` are the mapped tables on the target, which have checks of their own; `left_behind`
    the source's tables that the mapping excludes, and `invalid` its INVALID indexes, under their
    names in the expected schema. Not quoted are `removed_columns`, which a rule removes from
    mapped tables, and `undecided`, tables of the source that no rule is about.
    """

    source: Snapshot
    target: Snapshot
    expected: Snapshot | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    own_roles: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    removed_columns: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    declared: tuple[DeclaredDifference, ...] = ()
