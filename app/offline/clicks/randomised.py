"""Propensities from a randomised bucket: where order is drawn, rates differ by position alone.

P(examined k) / P(examined 1) = clicks per display at k / clicks per display at 1, over the lists
shown in random order (`is_random`). Assumes nothing of documents or queries; costs the people in
the bucket a worse page. Wang et al., "Learning to rank with selection bias in personal search",
SIGIR 2016, section 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.arrays import F64
from app.domain.errors import InvalidInput
from app.domain.events import Session
from app.offline.clicks.correction import Correction, Curve, corrected
from app.offline.clicks.displays import Displays, displays_of
from app.offline.clicks.resampling import draws, interval
from app.offline.recipe import Debias


def correct(sessions: Sequence[Session], config: Debias, seed: int) -> Correction:
    """Learn from the random lists, weigh the clicks of all lists."""
    displays = displays_of(sessions, config.max_position, only_random=True)
    return corrected("randomised", sessions, lambda: click_rates(displays, config, seed), config)


def click_rates(displays: Displays, config: Debias, seed: int) -> Curve:
    """Return click rates relative to position 1, drawn again by pair for the interval.

    Raises InvalidInput where the random lists hold fewer clicks than the recipe asks for.
    """
    clicks = int(displays.chosen.sum())
    if clicks < config.min_clicks or not displays.chosen[displays.position == 1].any():
        raise InvalidInput(
            f"{clicks} clicks in {displays.lists} lists shown in random order; debias.min_clicks "
            f"is {config.min_clicks}, and one must be at position 1: show more lists with "
            "is_random, or choose another debias.method"
        )
    again = [_relative(displays, w) for w in draws(displays.pair, config.resamples, seed)]
    return interval(_relative(displays, np.ones(len(displays))), again)


def _relative(displays: Displays, weights: F64) -> F64:
    """Return the rate at each position over that at the first, cells weighted. (k,)"""
    n = displays.positions + 1
    shown = np.bincount(displays.position, weights * displays.shown, n)[1:]
    chosen = np.bincount(displays.position, weights * displays.chosen, n)[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = chosen / shown
        relative: F64 = rates / rates[0]
    return relative
