"""A rig a test: databases of its own on the shared servers, which have logical WAL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger.rig import Rig, opened
from support.servers import Databases


@pytest.fixture
def rig(databases: Databases, tmp_path: Path) -> Iterator[Rig]:
    with opened(databases, tmp_path) as made:
        yield made
