"""Comparing rows, orphans and indexes of a source and a target."""

from pgcutover.compare.comparer import CompareOptions, Comparer
from pgcutover.compare.plan.spec import TableOptions

__all__ = ["CompareOptions", "Comparer", "TableOptions"]
