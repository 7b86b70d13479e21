"""Causes that turn one value into another, each a test of two texts as PostgreSQL prints them.

A cause is reported if it explains every sampled pair of a column. Special causes come first.
"""

from collections.abc import Callable

Pair = Callable[[str, str], bool]
"""Tests whether the second text results from the first."""
