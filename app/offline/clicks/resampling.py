"""Bootstrap of curves: pairs of query and document are drawn whole, with all their displays.

Efron 1979; by clusters: Davison & Hinkley, "Bootstrap Methods and their Application", 1997, 3.8.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from app.domain.arrays import F64, I64
from app.offline.clicks.correction import Curve


def draws(pair: I64, resamples: int, seed: int) -> Iterator[F64]:
    """Yield how often each cell's pair was drawn, in each resample. (c,) each"""
    rng = np.random.default_rng(seed)
    there, place = np.unique(pair, return_inverse=True)
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(there.size, size=there.size), minlength=there.size)
        yield drawn[place].astype(np.float64)


def interval(value: F64, again: Sequence[F64]) -> Curve:
    """Return the curve with the middle 95 % of its resamples; NaN where a position has none."""
    all_of_them = np.where(np.isfinite(again), again, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a position that no resample met
        low, high = np.nanquantile(all_of_them, [0.025, 0.975], axis=0)
    value = np.where(np.isfinite(value), value, np.nan)
    unknown = np.isnan(value)
    return Curve(value, np.where(unknown, np.nan, low), np.where(unknown, np.nan, high))
