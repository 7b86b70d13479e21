"""Fixtures `lab`, which shares its source, and `own_lab`, whose source may be modified."""

from collections.abc import Iterator

import pytest
from compare.lab import Lab, laboratory
from support.servers import Pair


@pytest.fixture
def lab(pair: Pair) -> Iterator[Lab]:
    with laboratory(pair) as made:
        yield made


@pytest.fixture
def own_lab(pair: Pair) -> Iterator[Lab]:
    with laboratory(pair, own_source=True) as made:
        yield made
