"""Test that large objects are compared by oid and contents, in pieces."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from compare.lab import Lab, run
from psycopg.conninfo import make_conninfo

from pgcutover.compare import large_objects
from pgcutover.errors import UnreadableError

FILLED = "select lo_from_bytea({oid}, decode(repeat('ab', {octets}), 'hex'))"


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch) -> None:
    monkeypatch.setattr(large_objects, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(large_objects, "_OBJECTS_A_QUERY", 3)


def fill(dsn: str, *sizes: int) -> None:
    run(dsn, *(FILLED.format(oid=5000 + n, octets=size) for n, size in enumerate(sizes)))


def test_equal_objects_of_every_size_are_equal(own_lab: Lab) -> None:
    for dsn in (own_lab.source, own_lab.target):
        fill(dsn, 0, 1, 999, 1000, 1001, 2000, 5000)
    with own_lab.comparer() as comparer:
        diff = comparer.large_objects()
    assert not diff
    assert diff.facts == {
        "large_objects_source": 7,
        "large_objects_target": 7,
        "octets_source": 10_001,
    }


@pytest.mark.parametrize("lost", [1, 500, 1000, 1001, 4000])
def test_a_truncated_object_is_found_in_every_piece(own_lab: Lab, lost) -> None:
    fill(own_lab.source, 10, 5000, 10, 10)
    fill(own_lab.target, 10, 5000 - lost, 10, 10)
    with own_lab.comparer() as comparer:
        (found,) = comparer.large_objects().findings()
    assert found.kind == "large objects changed"
    assert found.evidence == {"count": 1, "oids": [5001]}


def test_missing_and_extra_objects_are_counted_across_queries(own_lab: Lab) -> None:
    fill(own_lab.source, *[7] * 10)
    fill(own_lab.target, *[7] * 4)
    run(own_lab.target, "select lo_from_bytea(4000, 'other')")
    with own_lab.comparer() as comparer:
        diff = comparer.large_objects()
    assert {f.kind: f.evidence["count"] for f in diff.findings()} == {
        "large objects missing": 6,
        "large objects extra": 1,
    }
    assert "under other oids" not in diff.report()


@pytest.fixture
def reader(own_lab: Lab) -> Iterator[str]:
    """A role of the source that can read all tables but owns no large object."""
    name = f"reader_{uuid4().hex[:8]}"
    superuser = own_lab.source
    run(superuser, f"create role {name} login password '{name}' in role pg_read_all_data")
    yield make_conninfo(superuser, user=name, password=name)
    run(superuser, f"drop role {name}")


def test_an_unreadable_object_is_unknown_with_a_remedy(own_lab: Lab, reader) -> None:
    fill(own_lab.source, 10)
    manifest = own_lab.manifest()
    own_lab.source = reader
    with (
        own_lab.comparer(manifest) as comparer,
        pytest.raises(UnreadableError, match=r"^source: .* grant select on large object"),
    ):
        comparer.large_objects()
