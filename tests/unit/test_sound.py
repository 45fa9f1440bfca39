"""What looks at foreign numbers sees what NumPy sees."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.rank.sound import (
    are_different,
    are_numbers,
    are_preferences,
    greatest,
    is_answer,
    is_call,
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
@given(FROM_ZERO)
def test_the_greatest_is_found_and_below_all_where_there_is_none(values):
    assert greatest(np.array(values, np.int32)) == max([-1, *values])


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
def test_a_call_is_fine_where_each_of_its_arrays_is(data):
    names = ("rows", "fused", "scores", "ranks", "vector", "acted_on", "times", "gains", "price")
    wrong, n, a = data.draw(st.sampled_from(names)), *data.draw(st.tuples(*2 * [st.integers(0, 3)]))

    def drawn(name, dtype, *shape):
        fine = st.integers(0, 9) if dtype[0] == "i" else st.just(0.5)
        odd = st.integers(-1, 0) if dtype[0] == "i" else st.sampled_from([np.nan, np.inf])
        return data.draw(arrays(dtype, shape, elements=fine | odd if name == wrong else fine))

    whole = {"rows": drawn("rows", "i4", n), "acted_on": drawn("acted_on", "i4", a)}
    ranks, times = drawn("ranks", "i2", n, 2), drawn("times", "i8", a)
    fused, scores = drawn("fused", "f4", n), drawn("scores", "f4", n, 2)
    vector, gains, price = (drawn(x, d, 2 if x != "gains" else a) for x, d in (
        ("vector", "f4"), ("gains", "f4"), ("price", "f8")
    ))  # fmt: skip
    fine = (
        all(least(rows) >= 0 and are_different(rows) for rows in whole.values())
        and least(ranks.reshape(-1)) >= 0 and least(times) >= 0
        and all(are_numbers(x, False) for x in (fused, vector, gains))
        and are_numbers(scores.reshape(-1), True) and are_numbers(price, True)
    )  # fmt: skip
    tastes = np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int64)
    assert fine == is_call(
        whole["rows"], fused, scores, ranks, vector, whole["acted_on"], times, gains, price, *tastes
    )


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.lists(st.integers(-1, 9), max_size=4), max_size=4), st.booleans())
def test_preferences_rise_in_each_field_for_itself(fields, is_finite):
    codes = np.array([code for field in fields for code in field], np.int32)
    weights = np.full(codes.size, 0.5 if is_finite else np.nan, np.float32)
    rise = all(f == sorted(set(f)) and min(f, default=0) >= 0 for f in fields)
    counts = np.array([len(field) for field in fields], np.int64)
    assert are_preferences(codes, weights, counts) == (rise and (is_finite or not codes.size))


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.sampled_from([0.5, -1.0, np.inf, np.nan, 2.0])), st.lists(st.integers(-1, 6)))
def test_an_answer_has_finite_scores_and_places_among_them_each_once(scores, places):
    fine = np.isfinite(scores).all() and len(set(places)) == len(places)
    fine = fine and all(0 <= place < len(scores) for place in places)
    assert is_answer(np.array(scores, np.float32), np.array(places, np.int64)) == fine


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(0, 50), unique=True), st.lists(st.integers(0, 60)))
def test_named_rows_are_found_where_they_stand(rows, named):
    found = places_of(np.array(rows, np.int32), np.array(named, np.int64))
    assert found.tolist() == [rows.index(n) if n in rows else -1 for n in named]
