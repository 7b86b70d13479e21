"""Fixtures: the table of the rig in a database of the test's own, and KGC's loaded target."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.kgc import kgc_loaded_template, kgc_target, kgc_template  # noqa: F401 - fixtures
from support.servers import Pair

from .rig import Clinic, build


@pytest.fixture
def clinic(pair: Pair, fresh_database: Callable[..., str], tmp_path: Path) -> Clinic:
    """The table as it should be, and no suite yet."""
    return Clinic(fresh_database("target", pair.template("target", "clinic", build)), tmp_path)
