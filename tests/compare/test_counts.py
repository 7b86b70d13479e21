"""Test that differences are counted exactly in any row order, and that samples are capped."""

import struct
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pgcutover.compare.differences import counts as module
from pgcutover.compare.differences.counts import (
    SAMPLE_LIMIT,
    DifferenceCounts,
    RowHashes,
    SuspectKey,
    count_differences,
    unpack_hashes,
)
from pgcutover.compare.plan.key_domain import KeyRange

int8 = st.integers(-(2**63), 2**63 - 1)
rows = st.lists(st.tuples(st.integers(1, 4), st.integers(7, 9)), max_size=12)


def count_rows(source, target, **more):
    result = DifferenceCounts()
    count_differences(result, RowHashes(Counter(source), Counter(target)), **more)
    return result


@given(rows, rows)
def test_counts_equal_those_of_multisets(source, target):
    found = count_rows(source, target)
    lost, added = Counter(source) - Counter(target), Counter(target) - Counter(source)
    assert found.missing + found.changed == lost.total()
    assert found.extra + found.changed == added.total()
    assert (found.total == 0) == (Counter(source) == Counter(target))
    assert found.surplus == len(target) - len(source)


@given(rows)
def test_a_side_equals_itself(found):
    assert count_rows(found, found).total == 0


def test_a_repeated_key_on_the_target_is_reported():
    found = count_rows([(1, 7)], [(1, 7), (1, 8)])
    assert (found.extra, found.duplicated) == (1, 1)


def test_a_duplicate_row_on_the_target_is_extra():
    found = count_rows([(1, 7)], [(1, 7)] * 3)
    assert (found.missing, found.extra, found.duplicated) == (0, 2, 2)


def test_only_samples_are_capped(monkeypatch):
    monkeypatch.setattr(module, "SUSPECT_LIMIT", 100)
    found = count_rows([(n, 7) for n in range(1000)], [])
    assert (found.missing, len(found.sampled["missing"])) == (1000, SAMPLE_LIMIT)
    assert (len(found.suspects), found.has_more_suspects) == (100, True)


def test_suspects_keep_their_key_range():
    key_range = KeyRange(0, 255)
    found = count_rows([(n, 7) for n in range(5)], [], key_range=key_range)
    assert found.suspects == [SuspectKey(n, key_range) for n in range(5)]


few = st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])
pairs = st.lists(st.tuples(int8 | few, int8 | few), max_size=20)


def packed(found):
    return b"".join(struct.pack(">qq", *pair) for pair in found)


@given(pairs, pairs, st.randoms())
def test_packed_pairs_give_the_same_counts(common, others, chance):
    """Pairs of equal rows are dropped; counts, even of repeated keys, stay the same."""
    source, target = common + others[::2], common + others[1::2]
    chance.shuffle(target)
    whole, unpack_hashes_only = DifferenceCounts(), DifferenceCounts()
    count_differences(whole, RowHashes(Counter(source), Counter(target)))
    count_differences(unpack_hashes_only, unpack_hashes(packed(source), packed(target)))
    assert unpack_hashes_only == whole


def test_an_empty_range_has_no_pairs():
    assert unpack_hashes(None, None) == RowHashes(Counter(), Counter(), [], are_single=True)
