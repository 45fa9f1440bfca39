"""How much a document is liked in general: what was done with it, and what its catalogue says.

    popularity(d) = gain(d) + prior_share · mean gain · prior(d)

`mean gain` is over the documents that have any (1 where none has), so that the prior is worth the
same whatever the decay and the size of the log: it orders what nobody has touched yet and is soon
outvoted. prior(d) in [0, 1] is the mean over the catalogue's columns `popularity` and `rating` of
the share of documents below d: ranks, for their units differ and their tails are long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.lower_bound import lower_bound
from app.domain.arrays import F32, F64, I64

PRIOR_FIELDS = ("popularity", "rating")
BUCKETS = 4_096


def popularity(documents: Documents, gain: F32, prior_share: float) -> F32:
    """Return the popularity of each row, at least 0. (n,)"""
    return Popularity.of(documents, gain, prior_share).score(gain, documents.numbers)


@dataclass(frozen=True, slots=True)
class Steps:
    """The values of a column, and where to begin to look for one: newer rows ask all the time."""

    values: F64  # (m,) ascending
    starts: I64  # (BUCKETS + 1,) values below each of as many equal steps

    @classmethod
    def of(cls, column: F64) -> Self:
        """Sort a column without missing values."""
        values = np.sort(column)
        if not values.size:
            return cls(values, np.zeros(1, np.int64))
        with np.errstate(over="ignore", invalid="ignore"):  # then all are looked through
            edges = np.linspace(values[0], values[-1], BUCKETS + 1)
        return cls(values, np.searchsorted(values, edges).astype(np.int64))

    def below(self, column: F64) -> F64:
        """Return, for each value, the share of those known that are smaller; 0 where missing."""
        shares: F64 = _below(self.values, self.starts, column)
        return shares


@njit(cache=True, nogil=True)
def _below(values: F64, starts: I64, column: F64) -> F64:
    out, n, last = np.zeros(column.size), values.size, starts.size - 1
    width = (values[-1] - values[0]) / last if n and last else 0.0
    for i in range(column.size):
        value = column[i]
        if not np.isfinite(value) or not n or value <= values[0]:
            continue
        low, high = 0, n
        if 0.0 < width < np.inf and value < values[-1]:
            bucket = min(int((value - values[0]) / width), last - 1)
            low, high = starts[max(bucket - 1, 0)], starts[min(bucket + 2, last)]
        out[i] = lower_bound(values, low, high, value) / n
    return out


@dataclass(frozen=True, slots=True)
class Popularity:
    """A catalogue's own measure, which newer rows and changed numbers are held against."""

    prior_worth: float  # prior_share · mean gain
    known: Mapping[str, Steps]  # of PRIOR_FIELDS

    @classmethod
    def of(cls, documents: Documents, gain: F32, prior_share: float) -> Self:
        """Fit to the documents and to the gain of each. (n,)"""
        touched = gain[gain > 0]
        scale = float(touched.mean(dtype=np.float64)) if touched.size else 1.0
        columns = {f: documents.numbers[f] for f in PRIOR_FIELDS if f in documents.numbers}
        known = {f: Steps.of(column[np.isfinite(column)]) for f, column in columns.items()}
        return cls(prior_share * scale, known)

    def score(self, gain: F32, numbers: Mapping[str, F64]) -> F32:
        """Return the popularity of rows by their gain (m,) and their columns, at least 0. (m,)"""
        return (gain + self.prior_worth * self._prior(gain.size, numbers)).astype(np.float32)

    def _prior(self, m: int, numbers: Mapping[str, F64]) -> F64:
        """Return what the catalogue says of each row, in [0, 1]; missing counts as the least."""
        if not self.known:
            return np.zeros(m)
        shares = [known.below(numbers[f]) for f, known in self.known.items()]
        mean: F64 = np.mean(shares, axis=0)
        return mean
