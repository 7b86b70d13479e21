"""Table-mapping rules of AWS DMS: the only source of which table moves where."""

from pgcutover.mapping.model import LeftOut, MappedTable, RelationName
from pgcutover.mapping.parse import parse_rules
from pgcutover.mapping.rules import MappingRules

__all__ = [
    "LeftOut",
    "MappedTable",
    "MappingRules",
    "RelationName",
    "parse_rules",
]
