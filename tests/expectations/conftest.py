"""Fixtures: the rig's table in a database per test, and KGC's loaded target."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.kgc import kgc_loaded_template, kgc_target, kgc_template  # noqa: F401 - fixtures
from support.servers import Pair

from .rig import Clinic, build


@pytest.fixture
def clinic(pair: Pair, fresh_database: Callable[..., str], tmp_path: Path) -> Clinic:
    """The correct table, without a suite."""
    return Clinic(fresh_database("target", pair.template("target", "clinic", build)), tmp_path)
