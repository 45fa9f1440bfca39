"""How much a document is liked in general: what was done with it, and what its catalogue says.

    popularity(d) = gain(d) + prior_share · mean gain · prior(d)

`mean gain` is over the documents that have any (1 where none has), so that the prior is worth the
same whatever the decay and the size of the log: it orders what nobody has touched yet and is soon
outvoted. prior(d) in [0, 1] is the mean over the catalogue's columns `popularity` and `rating` of
the share of documents below d: ranks, for their units differ and their tails are long.
"""

from __future__ import annotations

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64

PRIOR_FIELDS = ("popularity", "rating")


def popularity(documents: Documents, gain: F32, prior_share: float) -> F32:
    """Return the popularity of each row, at least 0. (n,)"""
    touched = gain[gain > 0]
    scale = float(touched.mean(dtype=np.float64)) if touched.size else 1.0
    return (gain + prior_share * scale * prior(documents)).astype(np.float32)


def prior(documents: Documents) -> F64:
    """Return what the catalogue says of each row, in [0, 1]; missing counts as the least. (n,)"""
    columns = [documents.numbers[f] for f in PRIOR_FIELDS if f in documents.numbers]
    if not columns:
        return np.zeros(len(documents))
    shares: F64 = np.mean([_share_below(column) for column in columns], axis=0)
    return shares


def _share_below(column: F64) -> F64:
    """Return, for each value, the share of known values that are smaller. 0 where missing."""
    known = np.sort(column[np.isfinite(column)])
    share = np.searchsorted(known, column) / max(known.size, 1)
    return np.where(np.isfinite(column), share, 0.0)
