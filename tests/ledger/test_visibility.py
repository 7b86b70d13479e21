"""The predicate of visibility is the server's, and the order of snapshots is that of sets."""

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from support.servers import Pair

from pgcutover.ledger.visibility import Snapshot, widen

FIRST = 3  # the first normal transaction id of each epoch


@st.composite
def snapshots(draw: st.DrawFn, most: int = 12) -> Snapshot:
    base = draw(st.sampled_from([FIRST, 2**32 - 40, 2**32 + FIRST, 2**40 + FIRST]))
    running = frozenset(draw(st.sets(st.integers(base, base + most), max_size=5)))
    above = max(running, default=base) + 1
    xmax = draw(st.integers(above, above + 3))
    return Snapshot(min(running, default=xmax), xmax, running)


ASKED = st.lists(st.tuples(snapshots(), st.integers(-8, 24)), min_size=1, max_size=200)


def test_the_predicate_agrees_with_the_server(pair: Pair) -> None:
    with psycopg.connect(pair.source.dsn()) as connection:

        @settings(max_examples=15, deadline=None, database=None)
        @given(ASKED)
        def agree(asked: list[tuple[Snapshot, int]]) -> None:
            xids = [max(FIRST, snapshot.xmin + distance) for snapshot, distance in asked]
            texts = [str(snapshot) for snapshot, _ in asked]
            rows = connection.execute(
                "select pg_visible_in_snapshot(x::text::xid8, s::pg_snapshot), s::pg_snapshot::text"
                " from unnest(%s::text[], %s::int8[]) with ordinality u (s, x, n) order by n",
                [texts, xids],
            ).fetchall()
            parsed = [Snapshot.parse(text) for _, text in rows]
            expected = [s.sees(xid) for s, xid in zip(parsed, xids, strict=True)]
            assert [seen for seen, _ in rows] == expected
            assert parsed == [snapshot for snapshot, _ in asked]

        agree()


@given(snapshots(), snapshots())
def test_a_snapshot_includes_another_if_it_sees_all_that_it_sees(
    one: Snapshot, other: Snapshot
) -> None:
    edges = [n for s in (one, other) for n in range(s.xmin - 2, s.xmax + 3)]
    seen = [x for x in edges if other.sees(x)]
    assert one.includes(other) == all(one.sees(x) for x in seen)
    assert one.includes(one)


@given(st.integers(2**31, 2**60), st.integers(-(2**31) + 1, 2**31 - 1))
def test_a_32_bit_id_is_widened_to_the_nearest(near: int, distance: int) -> None:
    assert widen((near + distance) % 2**32, near) == near + distance
