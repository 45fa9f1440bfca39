"""Which candidates' features a ranking hands back: the best, some drawn, and those that are named.

One compiled call: an answer waits for it, and `random.Random(id).sample` alone takes as long as
to write out the scores.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numba import njit

from app.domain.arrays import F32, I64
from app.merge.union import falling, in_order

STEP, PLUS = 6364136223846793005, 1442695040888963407
"""A linear congruential generator of 64 bits (Knuth, The Art of Computer Programming 2, 3.3.4)."""

LOW = 0xFFFFFFFF


def seed_of(request_id: str) -> int:
    """Return what a request's draw begins with, in [-2⁶³, 2⁶³)."""
    digest = blake2b(request_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


@njit(cache=True, nogil=True)
def drawn(seed: int, n: int, k: int) -> I64:
    """Draw k of n without replacement, k at most n: the first steps of Fisher and Yates. (k,)"""
    places, state = np.arange(n), np.int64(seed)
    for at in range(k):
        state = state * np.int64(STEP) + np.int64(PLUS)
        other = at + (((state >> 32 & LOW) * (n - at)) >> 32)
        places[at], places[other] = places[other], places[at]
    return places[:k]


@njit(cache=True, nogil=True)
def kept(order: I64, best: int, seed: int, draws: int, named: I64) -> I64:
    """Return the first `best` of (n,) `order`, then the drawn, then the (m,) named; each once."""
    n = order.size
    places, size = np.empty(min(best, n) + min(draws, n) + named.size, np.int64), 0
    is_kept = np.zeros(n, np.bool_)
    for some in (order[:best], drawn(seed, n, min(draws, n)), named):
        for place in some:
            if not is_kept[place]:
                is_kept[place] = True
                places[size] = place
                size += 1
    return places[:size]


@njit(cache=True, nogil=True)
def handed_back(
    scores: F32, features: F32, best: int, seed: int, draws: int, named: I64
) -> tuple[I64, F32]:
    """Choose as `kept` does among (n,) scores and (n, d) features. Places (k,), features (k, d).

    The order is that of every ranked list, `union.places_by_score`: one call instead of five.
    """
    places = kept(in_order(falling(scores)) & 0xFFFFFFFF, best, seed, draws, named)
    chosen = np.empty((places.size, features.shape[1]), np.float32)
    for i in range(places.size):
        chosen[i] = features[places[i]]
    return places, chosen
