"""Excludes checks/ from a run that is no gate; all other hooks and fixtures are in the plugin."""

from pathlib import Path

import pytest

from pgcutover import plugin


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect no check without a manifest, as in `pytest .`: none could be decided."""
    checks = config.rootpath / "checks"
    outside = not plugin.is_gate(config) and collection_path.is_relative_to(checks)
    return True if outside else None
