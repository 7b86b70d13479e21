"""The sections `[[differences]]`: schema differences that are there on purpose."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION

Kind = Literal[
    "access_method",
    "aggregate",
    "base_type",
    "cast",
    "check",
    "collation",
    "collation_version",
    "column",
    "comment",
    "composite",
    "conversion",
    "database",
    "database_collation_version",
    "database_grant",
    "database_setting",
    "default_privilege",
    "domain",
    "enum",
    "event_trigger",
    "exclusion",
    "extension",
    "extension_grant",
    "foreign_data_wrapper",
    "foreign_key",
    "foreign_server",
    "foreign_table",
    "function",
    "grant",
    "index",
    "language",
    "large_object",
    "materialized_view",
    "operator",
    "operator_class",
    "operator_family",
    "owner",
    "parameter_grant",
    "partition",
    "policy",
    "primary_key",
    "procedure",
    "publication",
    "publication_schema",
    "publication_table",
    "range",
    "role",
    "role_setting",
    "rule",
    "schema",
    "security_label",
    "sequence",
    "server_setting",
    "statistics",
    "storage",
    "subscription",
    "system_cast",
    "system_grant",
    "system_routine",
    "system_text_search_configuration",
    "system_text_search_dictionary",
    "table",
    "tablespace",
    "text_search_configuration",
    "text_search_dictionary",
    "text_search_parser",
    "text_search_template",
    "transform",
    "trigger",
    "unique",
    "user_mapping",
    "view",
    "window_function",
]
Change = Literal["added", "changed", "dropped"]
# a restore without owners and grants changes these on many objects at once; an object of another
# kind is declared by its own name, so that a declaration cannot hide the loss of others
PATTERN_KINDS = (
    "owner",
    "grant",
    "default_privilege",
    "database_grant",
    "extension_grant",
    "system_grant",
    "comment",
    "security_label",
    "storage",
)


@dataclass(frozen=True, slots=True, config=SECTION)
class DeclaredDifference:
    """A difference from the expected schema that is there on purpose.

    Expected is the source's schema, moved by the table mappings and changed by the scripts. Every
    kind of object can be declared, each difference on its own; a declaration that excuses no
    difference is a finding.
    """

    kind: Kind
    """Kind of the object, as in the finding's evidence: `index`, `owner`, `database`, ..."""
    object: str
    """Name of the object, as the finding prints it. For owners, grants, privileges, comments and
    storage parameters, `*` stands for any text."""
    change: Change
    """`added`: on the target alone. `dropped`: not on the target; a dropped schema includes what
    it holds, whose tables need no mapping rule, and a dropped publication the tables that it
    publishes. `changed`: on both, in `property` or as `definition` says; an extension in another
    schema includes the columns and other texts that name its objects."""
    reason: Annotated[str, Field(min_length=1)]
    """Reason for the difference; reports print it."""
    definition: str | None = None
    """The object as PostgreSQL prints it; a column's type and properties."""
    property: str | None = None
    """For `changed`: the property that differs, as the finding prints it."""
    value: str | None = None
    """For `changed`: the value that the target has, as the finding prints it."""
