"""A rig a file: databases of its own on the shared servers, with the outbox installed."""

from collections.abc import Iterator

import pytest
from outbox.rig import Rig, opened
from support.servers import Pair


@pytest.fixture(scope="module")
def shared(pair: Pair) -> Iterator[Rig]:
    with opened(pair) as made:
        yield made


@pytest.fixture
def rig(shared: Rig) -> Rig:
    """The file's rig with empty tables and an empty outbox."""
    shared.reset()
    return shared
