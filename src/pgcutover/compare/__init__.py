"""Compares the rows and foreign keys of a source and a target."""

from pgcutover.compare.comparer import Comparer
from pgcutover.compare.options import CompareOptions, TableOptions

__all__ = ["CompareOptions", "Comparer", "TableOptions"]
