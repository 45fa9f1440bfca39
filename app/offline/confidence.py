"""Percentile bootstrap intervals of a mean over queries and of a paired difference.

Efron 1979; for retrieval: Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR
2006. Queries are the sampling unit: resampled whole, with replacement, the same for both systems.

With weights the mean is Σ w·x / Σ w, in the whole and in each resample. Where w = 1 / propensity
that is the self-normalised estimator of Swaminathan and Joachims (NeurIPS 2015): its sum of weights
is drawn with the rest, which trades a bias that vanishes with the log for far less variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F64

_CELLS = 2_000_000  # drawn at a time, so that memory stays near 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the ends of its interval, in the unit of the values."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def mean_interval(
    values: F64,
    seed: int,
    resamples: int = 10_000,
    level: float = 0.95,
    weights: F64 | None = None,
) -> Interval:
    """Return the mean of (q,) values and its interval; all NaN if there are no values.

    `weights` (q,), positive, default to 1 each.
    """
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan)
    values = np.asarray(values, np.float64)
    means = _resampled_means(values, seed, resamples, weights)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.average(values, weights=weights)), float(low), float(high))


def difference_interval(
    ours: F64,
    theirs: F64,
    seed: int,
    resamples: int = 10_000,
    level: float = 0.95,
    weights: F64 | None = None,
) -> Interval:
    """Return the mean of `ours - theirs` and its interval, query by query.

    All are (q,) over the same queries in the same order.

    Raises ValueError if the shapes differ, for then the values are of other queries.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"paired values have shapes {ours.shape} and {theirs.shape}")
    return mean_interval(ours - theirs, seed, resamples, level, weights)


def _resampled_means(values: F64, seed: int, resamples: int, weights: F64 | None) -> F64:
    """Return (resamples,) means of q values drawn with replacement."""
    random = np.random.default_rng(seed)
    block = max(1, _CELLS // len(values))
    means = np.empty(resamples)
    for start in range(0, resamples, block):
        shape = (min(block, resamples - start), len(values))
        drawn = random.integers(len(values), size=shape, dtype=np.int32)
        if weights is None:
            means[start : start + shape[0]] = values[drawn].mean(axis=1)
        else:
            sums = (weights * values)[drawn].sum(axis=1)
            means[start : start + shape[0]] = sums / weights[drawn].sum(axis=1)
    return means
