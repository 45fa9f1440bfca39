"""Percentile bootstrap intervals of a mean over queries and of a paired difference.

Efron 1979; for retrieval: Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR
2006. Queries are the sampling unit: resampled whole, with replacement, the same for both systems.
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


def mean_interval(values: F64, seed: int, resamples: int = 10_000, level: float = 0.95) -> Interval:
    """Return the mean of (q,) values and its interval; all NaN if there are no values."""
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan)
    means = _resampled_means(np.asarray(values, np.float64), seed, resamples)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.mean(values)), float(low), float(high))


def difference_interval(
    ours: F64, theirs: F64, seed: int, resamples: int = 10_000, level: float = 0.95
) -> Interval:
    """Return the mean of `ours - theirs` and its interval, query by query.

    Both are (q,) over the same queries in the same order.

    Raises ValueError if the shapes differ, for then the values are of other queries.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"paired values have shapes {ours.shape} and {theirs.shape}")
    return mean_interval(ours - theirs, seed, resamples, level)


def _resampled_means(values: F64, seed: int, resamples: int) -> F64:
    """Return (resamples,) means of q values drawn with replacement."""
    random = np.random.default_rng(seed)
    block = max(1, _CELLS // len(values))
    means = np.empty(resamples)
    for start in range(0, resamples, block):
        shape = (min(block, resamples - start), len(values))
        drawn = random.integers(len(values), size=shape, dtype=np.int32)
        means[start : start + shape[0]] = values[drawn].mean(axis=1)
    return means
