"""One pass over what channels said: the best of each, and how many said anything of a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, I16


class Said(NamedTuple):
    """What c channels said of n candidates."""

    best: F32  # (c,) NaN where it returned none of them
    channels: F32  # (n,) how many returned the row


def said_of(scores: F32, ranks: I16) -> Said:
    """Read what channels said: (n, c) scores, and ranks that are 0 where one said nothing."""
    return Said(*_said(scores, ranks))


@njit(cache=True, nogil=True)
def _said(scores: F32, ranks: I16) -> tuple[F32, F32]:
    n, c = ranks.shape
    best, channels = np.full(c, -np.inf, np.float32), np.zeros(n, np.float32)
    for i in range(n):
        for j in range(c):
            score = scores[i, j]
            channels[i] += ranks[i, j] > 0
            best[j] = score if score > best[j] else best[j]  # not so where it is NaN
    return np.where(best == -np.inf, np.float32(np.nan), best), channels
