"""The inverted index: what is built, and what an OR query finds in it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.filters import RowMask
from app.recall.best_rows import best_rows
from app.recall.bitmaps import pack
from app.recall.indexing import WeightedField, invert
from app.recall.postings import BLOCK, COMMON_EVERY, GRAIN, Postings
from tests.oracles.naive_bm25 import column, impact_table, naive_best_rows

TERMS = 48
K1 = 1.2


def draw_fields(seed: int, n: int) -> list[WeightedField]:
    """A long and a short field; term t stands in about one row in 2 + t²/4 of them."""
    rng = np.random.default_rng(seed)
    share = 1 / (2 + np.arange(TERMS) ** 2 / 4)
    share /= share.sum()

    def rows(longest: int) -> list[list[int]]:
        return [rng.choice(TERMS, rng.integers(0, longest), p=share).tolist() for _ in range(n)]

    return [
        WeightedField(column(rows(9), TERMS), 1.0, 0.5),
        WeightedField(column(rows(4), TERMS), 3.0, 0.9),
    ]


@cache
def world(seed: int = 0, n: int = 3 * BLOCK + 77) -> tuple[Postings, np.ndarray]:
    """An index of several blocks with rare and common terms, and the table it stands for."""
    fields = draw_fields(seed, n)
    return invert(n, TERMS, fields, K1), impact_table(n, TERMS, fields, K1)


def test_every_posting_is_the_textbooks_to_a_grain() -> None:
    postings, table = world()
    assert np.array_equal(np.diff(postings.offsets), (table > 0).sum(axis=0))
    assert np.array_equal(grains() > 0, table > 0)
    assert np.abs(grains() - table).max() <= 1
    for term in range(TERMS):
        rows = postings.rows[postings.offsets[term] : postings.offsets[term + 1]]
        assert np.all(np.diff(rows) > 0)


@pytest.mark.parametrize("n", [0, 50])
def test_no_row_holds_a_term_that_is_newer_than_the_index_or_none(n: int) -> None:
    postings = invert(n, TERMS if n else 0, draw_fields(1, n) if n else [], K1)
    held = np.diff(postings.offsets).tolist()
    sizes = postings.sizes(np.arange(-1, TERMS + 2, dtype=np.int32))
    assert sizes.tolist() == [0, *held, *[0] * (TERMS + 2 - len(held))]


def test_common_terms_are_those_in_one_row_of_thirty_two() -> None:
    postings, table = world()
    df = (table > 0).sum(axis=0)
    assert np.array_equal(postings.common, np.flatnonzero(df * COMMON_EVERY >= postings.n))
    assert 3 < postings.common.size < TERMS - 3


def test_a_bitmap_leads_to_the_impact_and_peaks_bound_it() -> None:
    postings, _ = world()
    for slot, term in enumerate(postings.common):
        own = slice(postings.offsets[term], postings.offsets[term + 1])
        flags = np.zeros(postings.n, bool)
        flags[postings.rows[own]] = True
        assert np.array_equal(postings.bits[slot], pack(flags))
        before = np.searchsorted(postings.rows[own], np.arange(postings.ranks.shape[1]) * 64)
        assert np.array_equal(postings.ranks[slot], before)
        for block, peak in enumerate(postings.peaks[slot]):
            inside = postings.rows[own] // BLOCK == block
            assert peak == postings.impacts[own][inside].max()


@settings(max_examples=60, deadline=None)
@given(
    terms=st.lists(st.integers(0, TERMS - 1), min_size=1, max_size=8, unique=True),
    at_least=st.integers(1, 4),
    k=st.sampled_from([1, 3, 50, 1000]),
    share=st.sampled_from([None, 0.5, 0.1, 0.01, 0.0005, 0.0]),
    seed=st.integers(0, 2),
)
def test_skipping_finds_what_scoring_every_row_finds(
    terms: list[int], at_least: int, k: int, share: float | None, seed: int
) -> None:
    postings, _ = world()
    allowed = None
    if share is not None:
        allowed = np.random.default_rng(seed).random(postings.n) < share
    mask = None if allowed is None else RowMask(allowed, int(allowed.sum()))
    found = best_rows(postings, np.array(terms, np.int32), at_least, k, mask)
    expected = naive_best_rows(grains(), terms, at_least, k, allowed)
    assert found.total == expected.total
    assert np.array_equal(found.rows, expected.rows)
    assert np.array_equal(found.scores, expected.scores)


@cache
def grains() -> np.ndarray:
    """The index's own impacts: a rounding of the build is no difference of the search."""
    postings, table = world()
    dense = np.zeros_like(table)
    dense[postings.rows, np.repeat(np.arange(TERMS), np.diff(postings.offsets))] = postings.impacts
    return dense


def test_equal_scores_come_in_row_order_through_every_block() -> None:
    n = 3 * BLOCK
    field = WeightedField(column([[0]] * n, 1), 1.0, 0.75)
    found = best_rows(invert(n, 1, [field], K1), np.zeros(1, np.int32), 1, 700)
    assert np.array_equal(found.rows, np.arange(700))
    assert np.unique(found.scores).size == 1
    assert found.total == n


def test_a_smaller_k_gives_a_prefix_of_a_larger_one() -> None:
    postings, _ = world()
    terms = np.array([0, 3, 9, 30], np.int32)
    longest = best_rows(postings, terms, 1, 1000)
    for k in (1, 10, 199, 500):
        shorter = best_rows(postings, terms, 1, k)
        assert np.array_equal(shorter.rows, longest.rows[:k])
        assert np.array_equal(shorter.scores, longest.scores[:k])
        assert shorter.total == longest.total


def test_an_impact_is_bm25f_in_nats() -> None:
    rows = [[0, 0, 1], [1], [2, 2, 2]]
    field = WeightedField(column(rows, 3), 2.0, 0.75)
    found = best_rows(invert(3, 3, [field], K1), np.array([0], np.int32), 1, 10)
    x = 2.0 * 2 / (0.25 + 0.75 * 3 / (7 / 3))
    expected = np.log(1 + 2.5 / 1.5) * x / (K1 + x)
    assert found.rows.tolist() == [0]
    assert found.scores[0] == pytest.approx(expected, abs=GRAIN)


def test_a_term_of_several_fields_is_one_posting() -> None:
    one = WeightedField(column([[0], [1]], 2), 1.0, 0.75)
    postings = invert(2, 2, [one, one], K1)
    assert postings.offsets.tolist() == [0, 1, 2]


@pytest.mark.parametrize("n", [0, 1, 63, 64, BLOCK, BLOCK + 1])
def test_an_index_of_any_size_opens_as_it_was_built(n: int, tmp_path) -> None:
    field = WeightedField(column([[row % 3] for row in range(n)], 3), 1.0, 0.75)
    built = invert(n, 3, [field], K1)
    built.save(tmp_path)
    opened = Postings.open(tmp_path, n)
    for ours, theirs in zip(built[1:], opened[1:], strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    found = best_rows(opened, np.array([1], np.int32), 1, 5)
    assert found.rows.tolist() == [row for row in range(n) if row % 3 == 1][:5]


def test_no_field_no_term_and_no_allowed_row_find_nothing() -> None:
    postings, _ = world()
    nothing = RowMask(np.zeros(postings.n, bool), 0)
    empty = invert(10, 0, [], K1)
    assert empty.rows.size == 0
    assert best_rows(empty, np.empty(0, np.int32), 1, 10).total == 0
    assert best_rows(postings, np.empty(0, np.int32), 1, 10).rows.size == 0
    assert best_rows(postings, np.array([0], np.int32), 1, 10, nothing).total == 0


def test_sixty_four_common_terms_are_more_than_a_row_can_overflow() -> None:
    n, terms = 2 * BLOCK, 64
    rows = [list(range(terms)) if row % 5 == 0 else [row % terms] for row in range(n)]
    field = WeightedField(column(rows, terms), 100.0, 0.0)
    postings = invert(n, terms, [field], K1)
    found = best_rows(postings, np.arange(terms, dtype=np.int32), 64, 10)
    assert found.total == len(range(0, n, 5))
    assert found.rows.tolist() == list(range(0, 50, 5))
