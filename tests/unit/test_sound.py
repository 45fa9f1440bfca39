"""What looks at foreign numbers sees what NumPy sees."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.rank.sound import (
    are_actions,
    are_candidates,
    are_different,
    are_numbers,
    is_preference,
    least,
    places_of,
)

WHOLE = st.sampled_from(["i2", "i4", "i8"]).flatmap(lambda d: arrays(d, st.integers(0, 30)))
FLOATS = st.sampled_from(["f4", "f8"]).flatmap(lambda d: arrays(d, st.integers(0, 30)))
FROM_ZERO = st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 40), max_size=60)


@settings(deadline=None)  # the first call compiles
@given(WHOLE)
def test_the_least_is_found_where_it_is_negative(values):
    assert least(values) == min([0, *values.tolist()])


@settings(deadline=None)  # the first call compiles
@given(FLOATS)
def test_numbers_are_what_is_finite_and_missing_ones_where_they_may_be(values):
    assert are_numbers(values, False) == bool(np.isfinite(values).all())
    assert are_numbers(values, True) == bool((np.isfinite(values) | np.isnan(values)).all())


@settings(deadline=None)  # the first call compiles
@given(FROM_ZERO, st.sampled_from(["i4", "i8"]))
def test_values_are_different_where_none_stands_twice(values, dtype):
    assert are_different(np.array(values, dtype)) == (len(set(values)) == len(values))


def test_many_values_of_one_slot_are_told_apart():
    values = np.arange(0, 2**31 - 1, 2**21, dtype=np.int32)
    assert are_different(values)
    values[7] = values[900]
    assert not are_different(values)


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_what_belongs_together_is_fine_where_each_is(data):
    names = ("rows", "fused", "scores", "ranks", "times", "price")
    wrong, n = data.draw(st.sampled_from(names)), data.draw(st.integers(0, 3))

    def drawn(name, dtype, *shape):
        fine = st.integers(0, 9) if dtype[0] == "i" else st.just(0.5)
        odd = st.integers(-1, 0) if dtype[0] == "i" else st.sampled_from([np.nan, np.inf])
        return data.draw(arrays(dtype, shape, elements=fine | odd if name == wrong else fine))

    rows, fused = drawn("rows", "i4", n), drawn("fused", "f4", n)
    scores, ranks = drawn("scores", "f4", n, 2), drawn("ranks", "i2", n, 2)
    are_rows = least(rows) >= 0 and are_different(rows)
    are_scores = are_numbers(fused, False) and are_numbers(scores.reshape(-1), True)
    are_ranks = least(ranks.reshape(-1)) >= 0
    assert are_candidates(rows, fused, scores, ranks) == (are_rows and are_scores and are_ranks)
    times, price = drawn("times", "i8", n), drawn("price", "f8", 2)
    are_times = least(times) >= 0 and are_numbers(fused, False) and are_numbers(price, True)
    assert are_actions(rows, times, fused, price) == (are_rows and are_times)
    rises = least(rows) >= 0 and bool((rows[1:] > rows[:-1]).all())
    assert is_preference(rows, fused) == (rises and are_numbers(fused, False))


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(0, 50), unique=True), st.lists(st.integers(0, 60)))
def test_named_rows_are_found_where_they_stand(rows, named):
    found = places_of(np.array(rows, np.int32), np.array(named, np.int64))
    assert found.tolist() == [rows.index(n) if n in rows else -1 for n in named]
