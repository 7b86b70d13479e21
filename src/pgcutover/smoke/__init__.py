"""The smoke suite: the side that clients are sent to, as they reach it, before it is opened."""

from pgcutover.smoke.checker import SmokeChecker
from pgcutover.smoke.wiring import make_checker

__all__ = ["SmokeChecker", "make_checker"]
