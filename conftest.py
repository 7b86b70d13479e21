"""Keeps checks/ out of a run that is no gate; every other hook and fixture is in the plugin."""

from pathlib import Path

import pytest

from pgcutover import plugin


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`pytest .` collects no check: without a manifest none could be decided."""
    checks = config.rootpath / "checks"
    outside = not plugin.is_gate(config) and collection_path.is_relative_to(checks)
    return True if outside else None
