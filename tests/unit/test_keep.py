"""Which candidates' features are kept: by chance, and by the request's id alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.rank.ranker import Keep


@given(st.text(max_size=300), st.integers(0, 10_000), st.integers(0, 40))
def test_what_is_drawn_is_different_and_there_and_the_same_for_whoever_asks(request_id, n, k):
    drawn = Keep(drawn=k).draw(request_id, n)
    assert len(drawn) == len(set(drawn)) == min(n, k)
    assert all(0 <= place < n for place in drawn)
    assert drawn == Keep(drawn=k).draw(request_id, n)


def test_every_place_is_drawn_as_often_as_any_other_and_as_often_first():
    requests, n, k = 20_000, 50, 20
    draws = np.array([Keep(drawn=k).draw(f"{i:x}", n) for i in range(requests)])
    for drawn, expected in ((draws, requests * k / n), (draws[:, 0], requests / n)):
        off = np.bincount(drawn.ravel(), minlength=n) - expected
        assert (off**2 / expected).sum() < 94.6  # χ² of 49 degrees: one in 10,000 is above
