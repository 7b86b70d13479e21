"""Comparing rows, orphans and indexes of a source and a target."""

from pgcutover.compare.comparer import Comparer, CompareOptions
from pgcutover.compare.scope import TableOptions

__all__ = ["CompareOptions", "Comparer", "TableOptions"]
