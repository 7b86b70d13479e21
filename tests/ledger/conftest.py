"""A rig a test: databases of its own on the shared servers, which have logical WAL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger.rig import Rig, opened
from support.servers import Databases, Pair, fresh_databases


@pytest.fixture
def rig(databases: Databases, tmp_path: Path) -> Iterator[Rig]:
    with opened(databases, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig for all tests of a file, which begin it anew."""
    with (
        fresh_databases(pair) as databases,
        opened(databases, tmp_path_factory.mktemp("ledger")) as made,
    ):
        yield made
