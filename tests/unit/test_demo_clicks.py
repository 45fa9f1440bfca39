"""The synthetic people: they click what they see and like, and position decides what they see."""

from __future__ import annotations

import numpy as np
import pytest

from app.offline.demo import clicks
from app.offline.demo.generate import DemoOptions, draw_log, draw_world
from app.offline.demo.grades import grades_of
from app.offline.demo.utility import attractiveness, match
from app.offline.demo.visits import Intent

SMALL = DemoOptions(documents=1_500, users=80, sessions=1_500, queries=60, days=10)


@pytest.fixture(scope="module")
def world():
    return draw_world(SMALL)


@pytest.fixture(scope="module")
def log(world):
    return draw_log(SMALL, world)


def test_grades_rise_with_attractiveness():
    assert grades_of(np.array([0.0, 0.44, 0.45, 0.7, 0.9, 1.0])).tolist() == [0, 0, 1, 2, 3, 3]


def test_equally_attractive_documents_are_clicked_as_often_as_their_position_is_examined():
    equal = np.full((40_000, 10), 0.5, np.float32)
    rates = clicks.draw_clicks(np.random.default_rng(0), equal).mean(axis=0)
    np.testing.assert_allclose(rates, 0.5 * clicks.examination(10), atol=0.01)
    assert (np.diff(clicks.examination(10)) < 0).all()


def test_in_the_log_position_biases_clicks_among_equals(log):
    """Documents of like attractiveness are clicked far less often at the end of the page."""
    clicked = clicks.draw_clicks(np.random.default_rng(0), log.attractiveness)
    alike = (log.attractiveness > 0.5) & (log.attractiveness < 0.9)
    first, last = (clicked[:, at][alike[:, at]].mean() for at in (slice(0, 2), slice(7, 10)))
    assert first > 2 * last


def test_at_the_same_position_the_better_document_is_clicked_more(log):
    clicked = clicks.draw_clicks(np.random.default_rng(0), log.attractiveness)[:, 0]
    wanted = log.attractiveness[:, 0]
    assert clicked[wanted > 0.6].mean() > 3 * clicked[wanted < 0.3].mean()


def test_the_shown_order_leaves_much_to_learn(log):
    """The best possible order of the same pages earns a quarter more clicks."""
    seen = clicks.examination(10)
    shown = (log.attractiveness * seen).sum()
    best = (np.sort(log.attractiveness, axis=1)[:, ::-1] * seen).sum()
    assert best > 1.25 * shown


def test_a_document_that_meets_the_whole_query_matches_fully(world, log):
    """A name query is met by the shop in mind, and not by a shop of another name."""
    named = np.flatnonzero(log.visits.intent == Intent.NAME)[:50]
    target = log.visits.target[named]
    assert (match(world, log.visits, named, target) == 1).all()
    words = world.documents.word
    others = np.array([np.flatnonzero(words != words[t])[0] for t in target])
    assert (match(world, log.visits, named, others) < 1).all()


def test_attractiveness_is_a_chance_that_rises_with_utility():
    chance = attractiveness(np.linspace(-9, 9, 50))
    assert (np.diff(chance) > 0).all()
    assert chance.min() >= 0
    assert chance.max() <= 1
