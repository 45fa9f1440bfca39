"""The order of keys, against NumPy's sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.recall.best_heap import key_of, rows_of
from app.recall.key_order import RUN, falling, keep_largest

KEYS = st.lists(st.integers(1, (1 << 62) - 1), unique=True, max_size=3 * RUN)


@given(KEYS, st.integers(0, 5))
def test_keys_come_largest_first_and_empty_places_last(keys, empty):
    mixed = np.random.default_rng(1).permutation(np.array([*keys, *[0] * empty], np.int64))
    assert falling(mixed).tolist() == sorted(mixed.tolist(), reverse=True)


@pytest.mark.parametrize("size", [RUN, RUN + 1, 2 * RUN, 5 * RUN - 1])
def test_runs_are_merged_whatever_their_number(size):
    keys = np.random.default_rng(size).permutation(size).astype(np.int64) + 1
    assert falling(keys).tolist() == list(range(size, 0, -1))


@given(KEYS.filter(bool), st.integers(1, 60))
def test_the_largest_are_kept_and_few_others(keys, k):
    held = np.array(keys, np.int64)
    size = keep_largest(held, held.size, k)
    assert size == len(keys) if len(keys) <= k else k <= size <= 2 * k
    assert set(sorted(keys)[-k:]) <= set(held[:size].tolist()) <= set(keys)


def test_keys_that_crowd_into_one_bin_are_cut_all_the_same():
    keys = np.array([1, *range(1 << 60, (1 << 60) + 500)], np.int64)
    assert keep_largest(keys, keys.size, 10) == 10
    assert set(keys[:10].tolist()) == set(range((1 << 60) + 490, (1 << 60) + 500))


def test_keys_are_read_by_score_and_then_by_row():
    scores, rows = [0.5, 2.0, 0.5], [7, 3, 2]
    keys = np.array([key_of(s, r) for s, r in zip(scores, rows, strict=True)] + [0], np.int64)
    found, their = rows_of(keys)
    assert (found.tolist(), their.tolist()) == ([3, 2, 7], [2.0, 0.5, 0.5])
