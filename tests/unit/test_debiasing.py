"""How clicks are corrected: who is refused, what a click weighs, and what becomes of a list."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.events import Session
from app.offline.clicks.correction import Curve, inverse
from app.offline.clicks.displays import displays_of
from app.offline.clicks.one_click import groups_of
from app.offline.clicks.strategies import STRATEGIES
from app.offline.dataset import TrainingSet
from app.offline.judged import from_sessions
from app.offline.recipe import Debias, Grades
from tests.builders.clicks import drawn_sessions

QUICK = Debias(resamples=10)
EXAMINED = np.array([1.0, 0.5, 0.25])


def of_unknown_order(sessions):
    return [replace(s, positions_known=False) for s in sessions]


@pytest.mark.parametrize("method", sorted(STRATEGIES))
def test_lists_of_unknown_order_are_refused_and_counted(method):
    known = drawn_sessions(EXAMINED, 2000, seed=1, is_random=True)
    unknown = [
        replace(s, request_id=f"u{s.request_id}")
        for s in of_unknown_order(drawn_sessions(EXAMINED, 50, seed=2, is_random=True))
    ]
    correction = STRATEGIES[method](known + unknown, QUICK, 7)
    assert (correction.report.lists, correction.report.refused) == (2000, 50)
    assert any("50 lists do not say" in line for line in correction.report.lines())
    for one in from_sessions(unknown, Grades(), correction):
        assert not one.weights
        assert not one.positions
        assert set(one.grades) == {"d0", "d1", "d2"}


@pytest.mark.parametrize("method", ["propensity", "randomised"])
def test_lists_of_unknown_order_change_no_propensity(method):
    known = drawn_sessions(EXAMINED, 2000, seed=1, is_random=True)
    unknown = of_unknown_order(drawn_sessions(EXAMINED[::-1], 500, seed=2, is_random=True))
    alone, mixed = (STRATEGIES[method](s, QUICK, 7) for s in (known, unknown + known))
    assert alone.weights.tolist() == mixed.weights.tolist()


@pytest.mark.parametrize("method", ["propensity", "randomised"])
def test_the_order_of_the_log_changes_no_bit(method):
    log = drawn_sessions(EXAMINED, 2000, seed=1, is_random=True)
    one, two = (STRATEGIES[method](s, QUICK, 7) for s in (log, log[::-1]))
    assert one.report.to_json() == two.report.to_json()
    assert one.weights.tobytes() == two.weights.tobytes()


def test_a_log_of_unknown_order_alone_is_learned_from_plainly():
    sessions = of_unknown_order(drawn_sessions(EXAMINED, 300, seed=2))
    for method in STRATEGIES:
        correction = STRATEGIES[method](sessions, QUICK, 7)
        assert (correction.report.lists, correction.report.refused) == (0, 300)
        assert not correction.is_positional


def test_a_log_in_which_nothing_ever_moved_teaches_no_propensity():
    still = [Session(f"r{i}", i, "q", ("a", "b"), ("a",)) for i in range(500)]
    with pytest.raises(InvalidInput, match="0 clicks on documents that one query showed at"):
        STRATEGIES["propensity"](still, QUICK, 7)


def test_too_few_clicks_teach_no_propensity():
    few = drawn_sessions(EXAMINED, 40, seed=1, queries=2)
    with pytest.raises(InvalidInput, match=r"debias\.min_clicks is 200"):
        STRATEGIES["propensity"](few, QUICK, 7)


def test_without_random_lists_the_randomised_strategy_says_so():
    with pytest.raises(InvalidInput, match="0 clicks in 0 lists shown in random order"):
        STRATEGIES["randomised"](drawn_sessions(EXAMINED, 400, seed=1), QUICK, 7)


def test_positions_that_nothing_connects_with_the_first_are_unknown():
    top = drawn_sessions(EXAMINED, 3000, seed=1)
    apart = [
        replace(s, request_id=f"p{s.request_id}", query=f"other {s.query}", offset=10)
        for s in drawn_sessions(EXAMINED, 3000, seed=2)
    ]
    correction = STRATEGIES["propensity"](top + apart, QUICK, 7)
    known = np.isfinite(correction.report.curve.value)
    assert np.flatnonzero(known).tolist() == [0, 1, 2]
    assert correction.weight(12) == correction.weight(3)  # as the nearest known one above


def test_a_second_page_is_where_it_says():
    session = Session("r", 0, "q", ("a", "b"), ("b",), offset=10)
    assert displays_of([session], 50, only_random=False).position.tolist() == [11, 12]
    assert displays_of([session], 11, only_random=False).position.tolist() == [11, 11]


def test_a_click_weighs_what_its_position_says_and_nothing_else_does():
    sessions = drawn_sessions(EXAMINED, 3000, seed=1)
    correction = STRATEGIES["propensity"](sessions, QUICK, 7)
    session = Session("r", 0, "q", ("a", "b", "c"), ("c",), purchased=("b",))
    (one,) = from_sessions([session], Grades(), correction)
    assert one.weights == {"b": correction.weight(2), "c": correction.weight(3)}
    assert not one.positions


def test_lightgbm_is_told_positions_where_it_shall_learn_the_bias():
    sessions = [Session("r", 0, "q", ("a", "b"), ("b",), offset=10)]
    (one,) = from_sessions(
        sessions, Grades(), STRATEGIES["unbiased_lambdarank"](sessions, QUICK, 7)
    )
    assert one.positions == {"a": 11, "b": 12}
    assert set(one.weights.values()) == {1.0}


curves = st.lists(
    st.floats(0, 1e3) | st.just(float("nan")) | st.just(float("inf")), min_size=1, max_size=30
)


@given(curves, st.floats(1, 1e6))
def test_weights_are_finite_and_never_above_the_clip(values, clip):
    curve = np.array(values)
    weights = inverse(Curve(curve, curve, curve), clip)
    assert weights.shape == curve.shape
    assert (np.isfinite(weights) & (weights >= 0) & (weights <= np.float32(clip))).all()


documents = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True).map(tuple)
lists = st.builds(
    Session,
    request_id=st.uuids().map(str),
    ts_ms=st.integers(0, 9),
    query=st.sampled_from(["q", "p"]),
    shown=documents,
    clicked=documents,
    purchased=documents,
    positions_known=st.booleans(),
    offset=st.integers(0, 3),
    is_random=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(lists, max_size=25, unique_by=lambda s: s.request_id), st.randoms())
def test_whatever_was_logged_weights_are_sound_and_the_order_of_the_log_leaves_no_trace(
    log, random
):
    turned = random.sample(log, len(log))
    config = Debias(resamples=3, min_clicks=1)
    for strategy in STRATEGIES.values():
        try:
            one = strategy(log, config, 7)
        except InvalidInput:
            with pytest.raises(InvalidInput):
                strategy(turned, config, 7)
            continue
        two = strategy(turned, config, 7)
        assert from_sessions(log, Grades(), one) == from_sessions(turned, Grades(), two)
        for judged in from_sessions(log, Grades(), one):
            weights = np.array(list(judged.weights.values()))
            assert (np.isfinite(weights) & (weights >= 0) & (weights <= config.clip)).all()


def rows(labels, sizes, weights):
    n = len(labels)
    return TrainingSet(
        np.arange(n, dtype=np.float32)[:, None],
        np.array(labels, np.int32),
        np.array(sizes),
        tuple(map(str, range(len(sizes)))),
        np.array(weights, np.float32),
        np.arange(n, dtype=np.int32),
    )


def test_clicks_that_weigh_alike_leave_groups_as_they_are():
    given = rows([0, 1, 0], [3], [1, 1, 1])
    groups = groups_of(given)
    assert groups.rows is None
    assert groups.sizes.tolist() == [3]


def test_each_click_is_a_group_with_what_it_beats_and_its_weight():
    groups = groups_of(rows([0, 1, 2, 0, 0, 1], [4, 2], [1, 3, 5, 1, 1, 7]))
    assert groups.sizes.tolist() == [3, 4, 2]
    assert groups.rows.tolist() == [0, 1, 3, 0, 1, 2, 3, 4, 5]
    assert groups.rows[groups.labels > 0].tolist() == [1, 2, 5]
    assert groups.weights.tolist() == [3, 3, 3, 15, 15, 15, 15, 7, 7]  # × 2^grade − 1
    assert groups.positions.tolist() == groups.rows.tolist()
