"""Which candidates' features are kept: by chance, and by the request's id alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rank.drawing import drawn, kept
from app.rank.ranker import Keep


@settings(deadline=None)  # the first call compiles
@given(st.text(max_size=300), st.integers(0, 10_000), st.integers(0, 40))
def test_what_is_drawn_is_different_and_there_and_the_same_for_whoever_asks(request_id, n, k):
    drawn = Keep(drawn=k).draw(request_id, n)
    assert len(drawn) == len(set(drawn)) == min(n, k)
    assert all(0 <= place < n for place in drawn)
    assert drawn == Keep(drawn=k).draw(request_id, n)


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_the_best_come_first_then_the_drawn_then_the_named_each_once(data):
    n = data.draw(st.integers(1, 30))
    order = data.draw(st.permutations(range(n)))
    named = data.draw(st.lists(st.integers(0, n - 1), unique=True))
    best, draws, seed = data.draw(st.tuples(*2 * [st.integers(0, 40)], st.integers(-(2**63), 9)))
    told = kept(np.array(order), best, seed, draws, np.array(named, np.int64))
    every = [*order[:best], *drawn(seed, n, min(n, draws)).tolist(), *named]
    assert told.tolist() == list(dict.fromkeys(every))


def test_every_place_is_drawn_as_often_as_any_other_and_as_often_first():
    requests, n, k = 20_000, 50, 20
    draws = np.array([Keep(drawn=k).draw(f"{i:x}", n) for i in range(requests)])
    for places, expected in ((draws, requests * k / n), (draws[:, 0], requests / n)):
        off = np.bincount(places.ravel(), minlength=n) - expected
        assert (off**2 / expected).sum() < 94.6  # χ² of 49 degrees: one in 10,000 is above
