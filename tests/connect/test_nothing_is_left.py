"""Test that our sessions leave nothing in the server sessions that a pooler shares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from compare.lab import SALT, Lab, laboratory, run
from support.pooled import production
from support.servers import Pair

from pgcutover.catalog import Manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.compare.live.fence import write_marker
from pgcutover.compare.throttle.server_load import LoadLimits
from pgcutover.connect import open_session, open_side
from pgcutover.errors import ServerError
from pgcutover.mapping import RelationName
from pgcutover.schema.collect import EVERY_KIND, CollectedSchema
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.state.amcheck import amcheck_diff
from pgcutover.schema.state.materialized_views import read_views
from pgcutover.schema.state.partitions import partitions_diff
from pgcutover.schema.state.sequences import sequences_diff


@pytest.fixture
def lab(pair: Pair) -> Iterator[Lab]:
    with laboratory(pair, own_source=True) as made:
        yield made


@dataclass
class PooledLab(Lab):
    """A lab with a pooled source; pg_dump, which is refused there, connects to the server."""

    direct: str = ""

    def schema(self, manifest: Manifest) -> CollectedSchema:
        return Lab(self.direct, self.target).schema(manifest)


def every_check(lab: Lab) -> None:
    results = lab.judge()
    assert results.unknown == {}
    assert len(results.green) > 100


def a_throttled_comparison(lab: Lab) -> None:
    manifest = lab.manifest()
    options = CompareOptions(SALT, source_limits=LoadLimits(load=0.5), connections=2)
    comparer = Comparer(lab.source, lab.target, manifest, options)
    for table in manifest.tables[:4]:
        comparer.rows(table)
    comparer.close()


def the_schema(lab: Lab) -> None:
    with open_session(lab.source) as source:
        assert collect_snapshot(source, EVERY_KIND).objects


def the_state_of_objects(lab: Lab) -> None:
    run(lab.target, "create extension if not exists amcheck")
    with open_session(lab.source) as source, open_session(lab.source) as again:
        sequences_diff(source, again, {}, ())
        read_views(source, again, {})
        partitions_diff(source, datetime.now(UTC), 7)
        source.rollback()
        with pytest.raises(Exception, match="amcheck is not installed"):
            amcheck_diff(source, ["app.kv"])


def a_marker(lab: Lab) -> None:
    run(lab.source, "create table public.marker (id uuid primary key)")
    name = RelationName("public", "marker")
    assert write_marker(lab.source, lab.source, name, name)()


USES: dict[str, Callable[[Lab], None]] = {
    use.__name__: use
    for use in (every_check, a_throttled_comparison, the_schema, the_state_of_objects, a_marker)
}


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.usefixtures("unrefused")
def test_nothing_is_left_of(lab: Lab, use, mode) -> None:
    with production(lab.source, mode) as pooled:
        use(PooledLab(pooled, lab.target, direct=lab.source))


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_the_refusal_leaves_nothing(lab: Lab, mode) -> None:
    with (
        production(lab.source, mode) as pooled,
        pytest.raises(ServerError, match=r"^source: .*connect to the server"),
    ):
        open_side("source", pooled)
