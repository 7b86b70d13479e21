"""Test that chunks cover every possible key exactly once, in any run."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.compare.plan.key_domain import KEY_DOMAINS, KeyRange
from pgcutover.compare.scan.chunk_planner import Chunk, ChunkPlanner

names = st.sampled_from(sorted(KEY_DOMAINS))


@st.composite
def planners(draw, finished=()):
    domain = KEY_DOMAINS[draw(names)]
    low = draw(st.integers(domain.lowest, domain.highest))
    high = min(domain.highest, low + draw(st.integers(0, 100_000)))
    return ChunkPlanner(domain, (low, high), draw(st.integers(0, 10**7)), 1.0, finished)


def covered(ranges):
    """Return whether the ranges are adjacent, from the type's least to its greatest value."""
    ends = [(c.first, c.last) for c in ranges]
    joined = all(b[0] == a[1] + 1 for a, b in pairwise(ends))
    return ends[0][0] is None and ends[-1][1] is None and joined


def test_a_shorter_time_limit_shortens_the_next_chunk():
    planner = ChunkPlanner(KEY_DOMAINS["int4"], (0, 10**9), 10**9, 1.0)
    for _ in range(9):
        chunk = planner.next()
        planner.learn(chunk, len(chunk.ranges) * 256, len(chunk.ranges) / 1000)
    assert len(planner.next().ranges) == 1000
    planner.set_target_seconds(0.1)
    assert len(planner.next().ranges) == 100
    planner.set_target_seconds(1.0)
    assert len(planner.next().ranges) == 100


@given(planners(), st.data())
def test_every_key_lies_in_exactly_one_range(planner, data):
    ranges = []
    for _ in range(2000):
        if (chunk := planner.next()) is None:
            break
        ranges += chunk.ranges
        rows = data.draw(st.integers(0, 10**6))
        planner.learn(chunk, rows, data.draw(st.floats(0, 5)))
        if not rows and planner.cursor is not None:
            planner.skip_to(planner.cursor + data.draw(st.integers(0, 10_000)))
    else:
        return  # a very dense table: too many ranges to walk in a test
    assert covered(ranges)


@given(st.integers(1, 50), st.sets(st.integers(1, 40), max_size=6))
def test_only_finished_chunks_are_skipped(width, numbers):
    finished = [KeyRange(n * width, (n + 1) * width - 1) for n in sorted(numbers)]
    planner = ChunkPlanner(KEY_DOMAINS["int4"], (0, 45 * width), 100, 1.0, finished)
    ranges = list(finished)
    while (chunk := planner.next()) is not None:
        ranges += chunk.ranges
    ranges.sort(key=lambda c: -1 if c.first is None else c.first)
    assert covered(ranges)


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 5))
def test_two_halves_cover_the_range(first, width, count):
    ranges = tuple(KeyRange(first + n * width, first + (n + 1) * width - 1) for n in range(count))
    chunk = Chunk(ranges, width)
    halves = chunk.halves()
    assert bool(halves) == (count > 1 or width > 1)
    if halves:
        one, other = halves
        assert (one.first, other.last) == (chunk.first, chunk.last)
        assert other.first == one.last + 1


@given(names, st.data())
def test_an_ordinal_survives_its_text(name, data):
    domain = KEY_DOMAINS[name]
    ordinal = data.draw(st.integers(domain.lowest, domain.highest))
    assert domain.ordinal(domain.text(ordinal)) == ordinal


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0044-03-15 00:00:00 BC"])
def test_times_outside_the_calendar_have_no_ordinal(text):
    assert KEY_DOMAINS["timestamptz"].ordinal(text) is None
