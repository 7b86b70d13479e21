"""Differences are counted exactly, however the rows come, and samples stay small."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pgcutover.compare import tally as module
from pgcutover.compare.tally import SAMPLE_LIMIT, tally

rows = st.lists(st.tuples(st.sampled_from(b"abcd"), st.sampled_from(b"xyz")), max_size=12)


def stream(found):
    counted = Counter((bytes([k]), bytes([h])) for k, h in found)
    return [(k, h, n) for (k, h), n in sorted(counted.items())]


@given(rows, rows)
def test_counts_agree_with_multisets(source, target):
    counted = tally(stream(source), stream(target))
    lost, added = Counter(source) - Counter(target), Counter(target) - Counter(source)
    assert counted.missing + counted.changed == lost.total()
    assert counted.extra + counted.changed == added.total()
    assert (counted.total == 0) == (Counter(source) == Counter(target))
    assert counted.surplus == len(target) - len(source)


@given(rows)
def test_a_side_equals_itself(found):
    assert tally(stream(found), stream(found)).total == 0


def test_a_repeated_key_on_the_target_is_said():
    counted = tally([(b"k", b"h", 1)], [(b"k", b"h", 1), (b"k", b"i", 1)])
    assert (counted.extra, counted.duplicated) == (1, 1)


def test_a_row_repeated_whole_on_the_target_is_extra():
    counted = tally([(b"k", b"h", 1)], [(b"k", b"h", 3)])
    assert (counted.missing, counted.extra, counted.duplicated) == (0, 2, 2)


def test_samples_are_capped_and_counts_are_not(monkeypatch):
    monkeypatch.setattr(module, "SUSPECT_LIMIT", 100)
    keys = [n.to_bytes(4, "big") for n in range(1000)]
    counted = tally([(k, b"h", 1) for k in keys], [])
    assert (counted.missing, len(counted.sampled["missing"])) == (1000, SAMPLE_LIMIT)
    assert counted.suspects is None
    few = tally([(k, b"h", 1) for k in keys[:100]], [])
    assert few.suspects == keys[:100]
