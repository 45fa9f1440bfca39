"""Propensities from the log itself: the same document, for the same query, at other positions.

A position-based model: clicks on document d of query q at position k have the mean
displays × examined(k) × attractive(q, d) (Craswell, Zoeter, Taylor, Ramsey, WSDM 2008). Whatever
moved a document between positions (another release, fresher counters, another page) is an
intervention that nobody had to make (Agarwal, Zaitsev, Wang, Li, Najork, Joachims, "Estimating
position bias without intrusive interventions", WSDM 2019). Given all clicks of a pair, where they
fell no longer depends on attractive(q, d): they are a multinomial draw over the positions at which
it was shown, with odds displays × examined(k). That conditional likelihood is concave in
log examined and has no parameter for any pair, so few displays of a pair cost precision, not
bias, while EM with an attractiveness for every pair (Chuklin, Markov, de Rijke, "Click Models for
Web Search", 2015) is biased there: docs/adr/0022 measures it. It is the fixed-effects Poisson
estimator (Hausman, Hall, Griliches, Econometrica 1984), consistent if the mean above is right,
whatever the distribution around it (Wooldridge, Journal of Econometrics 1999).

Assumes that a document's place depends on nothing that also moves its clicks, given query and
document: a click that lifts the document it fell on breaks it a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from app.domain.arrays import F64, I64, Bools
from app.domain.errors import InvalidInput
from app.domain.events import Session
from app.offline.clicks.correction import Correction, Curve, corrected
from app.offline.clicks.displays import Displays, displays_of
from app.offline.clicks.resampling import draws, interval
from app.offline.recipe import Debias

TOLERANCE = 1e-9
STEPS = 50
RESAMPLED_STEPS = 3  # Newton's method from the estimate: quadratic, so far below the noise


def correct(sessions: Sequence[Session], config: Debias, seed: int) -> Correction:
    """Learn from all lists whose positions are known."""
    displays = displays_of(sessions, config.max_position, only_random=False)
    return corrected("propensity", sessions, lambda: learn(displays, config, seed), config)


def learn(displays: Displays, config: Debias, seed: int) -> Curve:
    """Return P(examined) by position, relative to the first.

    Positions that no document connects with the first one, through clicked documents that stood at
    both, are NaN. Raises InvalidInput where that leaves fewer than two, or too few clicks.
    """
    told = _telling(displays)
    clicks = int(told.clicks.sum())
    if clicks < config.min_clicks or told.positions.size < 2:
        raise InvalidInput(
            f"{clicks} clicks on documents that one query showed at several positions, "
            f"{told.positions.size} positions connected by them; debias.min_clicks is "
            f"{config.min_clicks} and two positions are needed: use 'randomised' with lists shown "
            "in random order, or 'unbiased_lambdarank'"
        )
    ones = np.ones(told.clicks.size)
    value = _climb(told, ones, np.zeros(told.positions.size), STEPS)
    again = [
        _spread(told, _climb(told, w, value, RESAMPLED_STEPS), displays.positions)
        for w in draws(np.arange(told.clicks.size), config.resamples, seed)
    ]
    return interval(_spread(told, value, displays.positions), again)


@dataclass(frozen=True, slots=True)
class _Telling:
    """Pairs that compare positions: rows are pairs, columns `positions`."""

    shown: csr_array  # (p, k) displays
    clicks: F64  # (p,) of each pair, at all positions
    clicked: csr_array  # (p, k) clicks
    positions: I64  # (k,) ascending, connected with each other and with the first


def _telling(displays: Displays) -> _Telling:
    """Keep the clicked pairs that stood at several of the positions connected with the first."""
    several = displays.take(_is_compared(displays))
    connected = displays.take(np.isin(displays.position, _connected(several)))
    told = connected.take(_is_compared(connected))
    positions, column = np.unique(told.position, return_inverse=True)
    pairs, row = np.unique(told.pair, return_inverse=True)
    shape = (pairs.size, positions.size)
    shown = csr_array((told.shown.astype(np.float64), (row, column)), shape)
    clicked = csr_array((told.chosen.astype(np.float64), (row, column)), shape)
    clicks = np.asarray(clicked.sum(axis=1), np.float64)
    return _Telling(shown, clicks, clicked, positions.astype(np.int64))


def _is_compared(displays: Displays) -> Bools:
    """Cells of pairs with a click that stood at several positions. (c,)"""
    clicks = np.bincount(displays.pair, displays.chosen)
    places = np.bincount(displays.pair)
    compared: Bools = (clicks[displays.pair] > 0) & (places[displays.pair] > 1)
    return compared


def _connected(displays: Displays) -> I64:
    """Return the positions whose odds against the first are finite and above 0.

    Ford's condition ("Solution of a ranking problem from binary comparisons", 1957): each was
    clicked where the other stood, if not directly, then over others.
    """
    n = max(displays.positions, 1) + 1
    pairs = int(displays.pair.max(initial=0)) + 1
    cells = (displays.pair, displays.position)
    shown = csr_array((np.ones(len(displays)), cells), (pairs, n))
    clicked = csr_array(((displays.chosen > 0).astype(np.float64), cells), (pairs, n))
    _, component = connected_components(clicked.T @ shown, connection="strong")
    return np.flatnonzero(component == component[1]).astype(np.int64)


def _climb(told: _Telling, weights: F64, start: F64, steps: int) -> F64:
    """Maximise the conditional likelihood, pairs weighted, by Newton's method. (k,) log odds

    Gradient: clicks there − Σ_pairs clicks of the pair × its share; shares are displays × odds,
    normalised by pair. The first position's odds stay 1.
    """
    odds = start.copy()
    clicked = np.asarray(told.clicked.T @ weights)
    worth = weights * told.clicks
    for _ in range(steps):
        share = _shares(told.shown, np.exp(odds))
        expected = share.T @ worth
        gradient = clicked - expected
        bend = np.diag(expected) - (share.T @ share.multiply(worth[:, None])).toarray()
        step = np.linalg.lstsq(bend[1:, 1:], gradient[1:], rcond=None)[0]
        odds[1:] += np.clip(step, -1.0, 1.0)  # far from the top, the curve's bow is no guide
        if np.abs(step).max(initial=0.0) < TOLERANCE:
            break
    return odds


def _shares(shown: csr_array, examined: F64) -> csr_array:
    """Return displays × examined, each row divided by its sum. (p, k)"""
    expected = csr_array(shown.multiply(examined[None, :]))
    return csr_array(expected.multiply((1.0 / expected.sum(axis=1))[:, None]))


def _spread(told: _Telling, log_odds: F64, positions: int) -> F64:
    """Put the odds at their positions, NaN where none were learned. (positions,)"""
    spread = np.full(positions, np.nan)
    spread[told.positions - 1] = np.exp(log_odds)
    return spread
