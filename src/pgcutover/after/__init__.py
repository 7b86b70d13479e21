"""The stage after: the side that a cutover has opened, in the hours that follow."""

from pgcutover.after.checker import AfterChecker
from pgcutover.after.wiring import make_checker

__all__ = ["AfterChecker", "make_checker"]
