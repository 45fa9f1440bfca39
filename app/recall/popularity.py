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

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64

PRIOR_FIELDS = ("popularity", "rating")


def popularity(documents: Documents, gain: F32, prior_share: float) -> F32:
    """Return the popularity of each row, at least 0. (n,)"""
    return Popularity.of(documents, gain, prior_share).score(gain, documents.numbers)


@dataclass(frozen=True, slots=True)
class Popularity:
    """A catalogue's own measure, which newer rows and changed numbers are held against."""

    prior_worth: float  # prior_share · mean gain
    known: Mapping[str, F64]  # of PRIOR_FIELDS: the values of the catalogue, ascending

    @classmethod
    def of(cls, documents: Documents, gain: F32, prior_share: float) -> Self:
        """Fit to the documents and to the gain of each. (n,)"""
        touched = gain[gain > 0]
        scale = float(touched.mean(dtype=np.float64)) if touched.size else 1.0
        columns = {f: documents.numbers[f] for f in PRIOR_FIELDS if f in documents.numbers}
        known = {f: np.sort(column[np.isfinite(column)]) for f, column in columns.items()}
        return cls(prior_share * scale, known)

    def score(self, gain: F32, numbers: Mapping[str, F64]) -> F32:
        """Return the popularity of rows by their gain (m,) and their columns, at least 0. (m,)"""
        return (gain + self.prior_worth * self._prior(gain.size, numbers)).astype(np.float32)

    def _prior(self, m: int, numbers: Mapping[str, F64]) -> F64:
        """Return what the catalogue says of each row, in [0, 1]; missing counts as the least."""
        if not self.known:
            return np.zeros(m)
        shares = [_share_below(known, numbers[f]) for f, known in self.known.items()]
        mean: F64 = np.mean(shares, axis=0)
        return mean


def _share_below(known: F64, column: F64) -> F64:
    """Return, for each value, the share of known values that are smaller. 0 where missing."""
    share = np.searchsorted(known, column) / max(known.size, 1)
    return np.where(np.isfinite(column), share, 0.0)
