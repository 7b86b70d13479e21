"""The four pairs of majors; each server starts once, and one pair is that of all tests."""

from collections.abc import Iterator

import pytest
from support.servers import Pair

from pgcutover.embedded.server import RunningServer, ServerSpec, servers


@pytest.fixture(scope="session")
def others() -> Iterator[dict[str, RunningServer]]:
    specs = [ServerSpec(str(major), major) for major in (13, 18)]
    with servers(specs, progress=lambda _: None) as running:
        yield running


@pytest.fixture(scope="session", params=["13 to 17", "15 to 17", "17 to 18", "18 to 17"])
def majors(request, pair: Pair) -> Pair:
    if request.param == "15 to 17":
        return pair
    known = {**request.getfixturevalue("others"), "17": pair.target}
    one, other = request.param.split(" to ")
    return Pair(known[one], known[other])
