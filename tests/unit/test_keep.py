"""Which candidates' features are kept: by chance, and by the request's id alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.select import best_first
from app.rank.drawing import drawn, handed_back, kept
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


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_features_handed_back_are_those_of_the_best_by_the_one_rule_of_order(data):
    n, d = data.draw(st.tuples(st.integers(1, 30), st.integers(0, 4)))
    of_few = st.sampled_from([-0.0, 0.0, 1.5, -2.25, 3e-40])
    scores = np.array(data.draw(st.lists(of_few, min_size=n, max_size=n)), np.float32)
    features = np.arange(n * d, dtype=np.float32).reshape(n, d)
    named = np.array(data.draw(st.lists(st.integers(0, n - 1), unique=True)), np.int64)
    best, draws = data.draw(st.tuples(*2 * [st.integers(0, 40)]))
    places, chosen = handed_back(scores, features, best, 7, draws, named)
    assert places.tolist() == kept(best_first(scores), best, 7, draws, named).tolist()
    assert np.array_equal(chosen, features[places])


def test_every_place_is_drawn_as_often_as_any_other_and_as_often_first():
    requests, n, k = 20_000, 50, 20
    draws = np.array([Keep(drawn=k).draw(f"{i:x}", n) for i in range(requests)])
    for places, expected in ((draws, requests * k / n), (draws[:, 0], requests / n)):
        off = np.bincount(places.ravel(), minlength=n) - expected
        assert (off**2 / expected).sum() < 94.6  # χ² of 49 degrees: one in 10,000 is above
