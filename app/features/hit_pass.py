"""One pass over what channels said: by channel, the best of each, how many said anything."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, I16


class Said(NamedTuple):
    """What c channels said of n candidates."""

    scores: F32  # (c, n) NaN where a channel did not return the row
    best: F32  # (c,) NaN where it returned none of them
    channels: F32  # (n,) how many returned the row


def said_of(scores: F32, ranks: I16) -> Said:
    """Read what channels said: (n, c) scores, and ranks that are 0 where one said nothing."""
    return Said(*_said(scores, ranks))


@njit(cache=True, nogil=True)
def _said(scores: F32, ranks: I16) -> tuple[F32, F32, F32]:
    n, c = ranks.shape
    by_channel, best = np.empty((c, n), np.float32), np.full(c, -np.inf, np.float32)
    channels = np.zeros(n, np.float32)
    for i in range(n):
        for j in range(c):
            score = scores[i, j]
            by_channel[j, i] = score
            channels[i] += ranks[i, j] > 0
            best[j] = score if score > best[j] else best[j]  # not so where it is NaN
    return by_channel, np.where(best == -np.inf, np.float32(np.nan), best), channels
