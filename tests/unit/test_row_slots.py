"""Which candidate a row is: the hash table against a plain dict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.ragged import Ragged
from app.corpus.row_store import RowColumns, RowStore
from app.domain.user import Preference, UserState
from app.features.cosines import dot_rows
from app.features.row_pass import read_rows
from app.features.row_slots import EMPTY, index_rows, place_of, spread, spread_lists

row = st.integers(0, 2**31 - 1)
near = st.integers(0, 40)  # many collide, many are found
rows_of = st.one_of(st.lists(row, unique=True, max_size=60), st.lists(near, unique=True))


@settings(max_examples=200, deadline=None)
@given(rows=rows_of, wanted=st.lists(st.one_of(row, near, st.just(-1)), max_size=60))
def test_a_row_is_found_where_it_stands_and_nowhere_else(
    rows: list[int], wanted: list[int]
) -> None:
    known = np.array(rows, np.int32)
    asked = np.array(wanted + rows, np.int32)
    at = {r: i for i, r in enumerate(rows)}
    table = index_rows(known)
    assert [place_of(table, known, r) for r in asked] == [at.get(r, EMPTY) for r in asked.tolist()]


def test_rows_that_all_start_at_one_slot_are_still_told_apart() -> None:
    """Equal modulo 2³² ÷ gcd they cannot be; equal in the bits that choose the slot they can."""
    table_size = 64
    first = [r for r in range(100_000) if ((r * 2654435769) >> 16) % table_size == 5][:16]
    rows = np.array(first, np.int32)
    table = index_rows(rows)
    assert table.size == table_size
    assert [place_of(table, rows, row) for row in rows] == list(range(16))
    others = np.array([r + 1 for r in first], np.int32)
    assert all(place_of(table, rows, row) == EMPTY for row in others)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(near, unique=True), found=st.lists(st.tuples(near, st.integers(1, 9))))
def test_values_are_summed_by_row_and_rows_of_others_are_passed_over(
    rows: list[int], found: list[tuple[int, int]]
) -> None:
    known = np.array(rows, np.int32)
    theirs = np.array([r for r, _ in found], np.int32)
    values = np.array([v for _, v in found], np.float32)
    summed = spread(index_rows(known), known, theirs, values)
    assert summed.tolist() == [sum(v for r, v in found if r == one) for one in rows]


def test_lists_are_weighed_and_gone_rows_and_absent_lists_add_nothing() -> None:
    rows = np.array([7, 3, 9], np.int32)
    offsets, ordinals = np.array([0, 2, 4]), np.array([0, 1, 1, 2], np.int32)
    scores = np.array([0.5, 0.25, 1.0, 4.0], np.float32)
    row_of = np.array([3, 7, -1], np.int32)  # ordinal 2 is gone
    lists, weights = np.array([0, -1, 1], np.int32), np.array([2.0, 100.0, 3.0])
    out = spread_lists(index_rows(rows), rows, lists, weights, offsets, ordinals, scores, row_of)
    assert out.tolist() == [0.25 * 2 + 1.0 * 3, 0.5 * 2, 0]


def test_affinity_sums_the_weights_of_a_rows_codes() -> None:
    codes, weights = np.array([1, 4, 6], np.int32), np.array([0.5, 0.25, 0.125], np.float32)
    title, tags = Ragged.pack([[8], [], [7, 7]], np.int32), [[6, 2, 1], [], [4, 9]]
    brand = Ragged.pack([[1], [4], []], np.int32)
    price, df = np.array([6.0, 1.0, 4.0]), np.zeros(9, np.int32)
    store = RowStore.pack(RowColumns(
        {"title": title}, {"brand": brand, "tags": Ragged.pack(tags, np.int32)},
        {"price": price}, {"title": df},
    ))  # fmt: skip
    rows, user = (
        np.array([2, 0, 1], np.int32),
        replace(UserState.stranger(), preferences={"tags": Preference(codes, weights)}),
    )
    out = read_rows(store, rows, np.empty(0, np.int32), 3, user).affinities
    np.testing.assert_array_equal(out, [[np.nan, 0.25], [np.nan, 0.625], [np.nan, 0]])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), liked=st.integers(0, 40))
def test_affinities_are_those_of_a_dictionary(seed: int, liked: int) -> None:
    rng = np.random.default_rng(seed)
    held = [rng.integers(0, 60, rng.integers(0, 6)).tolist() for _ in range(9)]
    other = [rng.integers(0, 3, rng.integers(0, 3)).tolist() for _ in range(9)]
    codes = np.sort(rng.permutation(60)[:liked]).astype(np.int32)
    weights = rng.random(liked, np.float32)
    few = Preference(np.array([1], np.int32), np.array([0.5], np.float32))
    columns = {"tags": Ragged.pack(held, np.int32), "brand": Ragged.pack(other, np.int32)}
    store = RowStore.pack(RowColumns({}, columns, {}, {}))
    user = replace(
        UserState.stranger(), preferences={"tags": Preference(codes, weights), "brand": few}
    )
    rows = rng.permutation(9).astype(np.int32)
    out = read_rows(store, rows, np.empty(0, np.int32), 9, user).affinities
    weight_of = dict(zip(codes.tolist(), weights, strict=True))
    for place, row in enumerate(rows):
        total = np.float32(0)
        for code in held[row]:
            total += weight_of.get(code, np.float32(0))
        assert out[place, 0] == total if liked else np.isnan(out[place, 0])
        assert out[place, 1] == 0.5 * other[row].count(1)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(0, 13), seed=st.integers(0, 99))
def test_a_dot_product_is_the_sum_in_order_whatever_rows_stand_beside(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((20, 7)).astype(np.float32)
    vector = rng.standard_normal(7).astype(np.float32)
    rows = rng.permutation(20)[:n].astype(np.int32)
    expected = np.zeros(n, np.float32)
    for j in range(7):
        expected += vectors[rows, j] * vector[j]
    np.testing.assert_array_equal(dot_rows(vectors, rows, vector), expected)
