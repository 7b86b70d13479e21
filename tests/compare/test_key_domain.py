"""Chunks cover every possible key once, whatever is found on the way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.compare.scan.key_domain import GRIDS, Cell, Chunk, RangePlanner

names = st.sampled_from(sorted(GRIDS))


@st.composite
def planners(draw, finished=()):
    grid = GRIDS[draw(names)]
    low = draw(st.integers(grid.lowest, grid.highest))
    high = min(grid.highest, low + draw(st.integers(0, 100_000)))
    return RangePlanner(grid, (low, high), draw(st.integers(0, 10**7)), 1.0, finished)


def covered(cells):
    """Whether the cells follow on each other from the type's least value to its greatest."""
    ends = [(c.first, c.last) for c in cells]
    joined = all(b[0] == a[1] + 1 for a, b in pairwise(ends))
    return ends[0][0] is None and ends[-1][1] is None and joined


def test_a_shorter_time_shortens_the_very_next_chunk():
    planner = RangePlanner(GRIDS["int4"], (0, 10**9), 10**9, 1.0)
    for _ in range(9):
        chunk = planner.next()
        planner.learn(chunk, len(chunk.cells) * 256, len(chunk.cells) / 1000)
    assert len(planner.next().cells) == 1000
    planner.aim(0.1)
    assert len(planner.next().cells) == 100
    planner.aim(1.0)
    assert len(planner.next().cells) == 100


@given(planners(), st.data())
def test_every_key_lies_in_exactly_one_cell(planner, data):
    cells = []
    for _ in range(2000):
        if (chunk := planner.next()) is None:
            break
        cells += chunk.cells
        rows = data.draw(st.integers(0, 10**6))
        planner.learn(chunk, rows, data.draw(st.floats(0, 5)))
        if not rows and planner.cursor is not None:
            planner.jump(planner.cursor + data.draw(st.integers(0, 10_000)))
    else:
        return  # a very dense table: too many cells to walk in a test
    assert covered(cells)


@given(st.integers(1, 50), st.sets(st.integers(1, 40), max_size=6))
def test_finished_chunks_are_left_out_and_nothing_else(width, numbers):
    finished = [Cell(n * width, (n + 1) * width - 1) for n in sorted(numbers)]
    planner = RangePlanner(GRIDS["int4"], (0, 45 * width), 100, 1.0, finished)
    cells = list(finished)
    while (chunk := planner.next()) is not None:
        cells += chunk.cells
    cells.sort(key=lambda c: -1 if c.first is None else c.first)
    assert covered(cells)


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 5))
def test_halves_are_the_whole(first, width, count):
    cells = tuple(Cell(first + n * width, first + (n + 1) * width - 1) for n in range(count))
    chunk = Chunk(cells, width)
    halves = chunk.halves()
    assert bool(halves) == (count > 1 or width > 1)
    if halves:
        one, other = halves
        assert (one.first, other.last) == (chunk.first, chunk.last)
        assert other.first == one.last + 1


@given(names, st.data())
def test_a_position_survives_its_text(name, data):
    grid = GRIDS[name]
    position = data.draw(st.integers(grid.lowest, grid.highest))
    assert grid.position(grid.text(position)) == position


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0044-03-15 00:00:00 BC"])
def test_times_outside_the_calendar_have_no_position(text):
    assert GRIDS["timestamptz"].position(text) is None
