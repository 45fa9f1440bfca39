"""Where a value stands among those of a column: as a sorted array says it, found sooner."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.recall.popularity import Steps

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5).map(float)
ANY = st.floats() | st.integers(-5, 5).map(float)


@settings(deadline=None)  # the first call compiles
@given(st.lists(NUMBERS, max_size=200), st.lists(ANY, max_size=50))
def test_a_share_is_that_of_the_values_below(known, asked):
    values, column = np.array(known, float), np.array([*asked, *known[:50]], float)
    naive = [
        sum(k < v for k in known) / max(len(known), 1) if np.isfinite(v) else 0.0 for v in column
    ]
    assert Steps.of(values).below(column).tolist() == naive


def test_a_long_tail_is_found_too():
    values = np.random.default_rng(3).pareto(0.5, 50_000)
    column = np.concatenate([values[:5_000], [0.0, -1.0, 1e300, np.nan]])
    naive = np.searchsorted(np.sort(values), column) / values.size
    naive[-1] = 0.0
    assert Steps.of(values).below(column).tolist() == naive.tolist()
