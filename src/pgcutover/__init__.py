"""A PostgreSQL migration expressed as pytest suites; only a green run opens the cutover."""

from importlib.metadata import version

__version__ = version("pgcutover")
