"""What looks at foreign numbers sees what NumPy sees."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.rank.sound import are_different, are_numbers, least

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
