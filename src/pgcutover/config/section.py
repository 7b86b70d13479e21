"""The rules that every section of migration.toml follows, and the types of its keys."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

SECTION = ConfigDict(
    strict=True,
    extra="forbid",
    allow_inf_nan=False,
    hide_input_in_errors=True,  # a DSN pasted by mistake must not appear in an error
    use_attribute_docstrings=True,
)

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_QUALIFIED = r"^[^.]+\..+$"


def _variable(name: str) -> str:
    if not re.match(_VARIABLE, name):
        raise ValueError("the name of an environment variable that holds the DSN, not a DSN")
    return name


def _qualified(name: str) -> str:
    if not re.match(_QUALIFIED, name):
        raise ValueError("schema.table")
    return name


EnvironmentVariable = Annotated[
    str, AfterValidator(_variable), WithJsonSchema({"type": "string", "pattern": _VARIABLE})
]
OptionalVariable = Annotated[
    str,
    AfterValidator(lambda name: name and _variable(name)),
    WithJsonSchema({"type": "string", "pattern": _VARIABLE + "|^$"}),
]
QualifiedName = Annotated[
    str, AfterValidator(_qualified), WithJsonSchema({"type": "string", "pattern": _QUALIFIED})
]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
AtLeastZero = Annotated[float, Field(ge=0)]
