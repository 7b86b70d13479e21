"""Fixtures `lab`, which shares its source, and `own_lab`, whose source may be modified."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from compare.lab import Lab, laboratory
from support.servers import Pair

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def lab(pair: Pair) -> Iterator[Lab]:
    with laboratory(pair) as made:
        yield made


@pytest.fixture
def own_lab(pair: Pair) -> Iterator[Lab]:
    with laboratory(pair, own_source=True) as made:
        yield made
