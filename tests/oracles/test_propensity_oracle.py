"""Learned propensities against the truth they were drawn from, and against plain EM."""

import numpy as np
import pytest

from app.offline.clicks.strategies import STRATEGIES
from app.offline.recipe import Debias
from tests.builders.clicks import drawn_sessions
from tests.oracles.naive_propensity import naive_em

QUICK = Debias(resamples=20)


@pytest.mark.parametrize("eta", [0.5, 1.0, 1.5])
def test_propensities_of_a_known_bias_are_learned_within_a_tenth(eta):
    examined = np.arange(1, 7) ** -eta
    sessions = drawn_sessions(examined, 30_000, seed=3)
    learned = STRATEGIES["propensity"](sessions, QUICK, 7).report.curve.value
    assert np.abs(learned / examined - 1).max() < 0.1


def test_a_grid_whose_middle_is_looked_at_first_is_learned_too():
    examined = np.array([0.6, 1.0, 0.3, 0.8])
    learned = STRATEGIES["propensity"](drawn_sessions(examined, 20_000, seed=4), QUICK, 7)
    assert np.abs(learned.report.curve.value / (examined / 0.6) - 1).max() < 0.1


def test_few_displays_of_each_document_cost_precision_and_not_truth():
    """Two lists a query: EM with a parameter for every pair is far off here."""
    examined = np.arange(1, 5) ** -1.0
    sessions = drawn_sessions(examined, 20_000, seed=5, queries=10_000)
    learned = STRATEGIES["propensity"](sessions, QUICK, 7).report.curve.value
    assert np.abs(learned / examined - 1).max() < 0.1


def test_random_lists_teach_the_same_bias():
    examined = np.arange(1, 7) ** -1.0
    sessions = drawn_sessions(examined, 40_000, seed=6, is_random=True)
    learned = STRATEGIES["randomised"](sessions, QUICK, 7).report.curve.value
    assert np.abs(learned / examined - 1).max() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_newton_finds_what_plain_em_finds(seed):
    sessions = drawn_sessions(np.array([1, 0.7, 0.4, 0.3]), 400, seed=seed, queries=20)
    learned = STRATEGIES["propensity"](sessions, QUICK, 7).report.curve.value
    plain = naive_em(sessions)
    assert learned == pytest.approx([plain[k] for k in sorted(plain)], rel=1e-6)


def test_nineteen_intervals_of_twenty_hold_the_truth():
    examined = np.arange(1, 7) ** -1.0
    held = []
    for seed in range(20):
        sessions = drawn_sessions(examined, 1000, seed)
        report = STRATEGIES["propensity"](sessions, Debias(resamples=80), seed).report
        held += [low <= examined[k - 1] <= high for k, _, low, high in report.rows()[1:]]
    assert 0.88 <= np.mean(held) <= 0.99
