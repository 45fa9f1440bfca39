"""Whether the numbers of a frame are what they must be, before any kernel counts on it.

One pass each and no array in between: NumPy's own take three calls and as many copies for an array
that is looked at once, and a call brings fifteen. Arrays that belong together are looked at in one
call: at a few dozen calls a second each step meets cold caches and costs more than its numbers.
What of which array is wrong the single ones say, for the one call that is refused.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I16, I32, I64, Array


@njit(cache=True, nogil=True)
def least(values: Array) -> int:
    """Return the smallest of (n,) whole numbers, 0 where all are above or there are none."""
    low = 0
    for value in values:
        low = min(low, value)
    return low


@njit(cache=True, nogil=True)
def greatest(values: Array) -> int:
    """Return the largest of (n,) whole numbers of at least 0, -1 where there are none."""
    high = -1
    for value in values:
        high = max(high, value)
    return high


@njit(cache=True, nogil=True)
def are_numbers(values: Array, nan_is_fine: bool) -> bool:
    """Tell whether (n,) floats are finite; with `nan_is_fine` some may be missing."""
    for value in values:
        if not np.isfinite(value) and not (nan_is_fine and np.isnan(value)):
            return False
    return True


@njit(cache=True, nogil=True)
def are_different(values: Array) -> bool:
    """Tell whether no value stands twice among (n,) whole numbers of at least 0."""
    mask = 1
    while mask < 4 * values.size:
        mask *= 2
    mask -= 1
    seen = np.full(mask + 1, -1, np.int64)  # a hash table, a quarter full at most
    for value in values:
        at = np.int64(value) * 0x9E3779B1 >> 16 & mask
        while seen[at] >= 0:
            if seen[at] == value:
                return False
            at = at + 1 & mask
        seen[at] = value
    return True


@njit(cache=True, nogil=True)
def are_preferences(codes: I32, weights: F32, counts: I64) -> bool:
    """Tell whether (v,) codes rise from 0 or above within each run of (f,) counts; and weights."""
    at = 0
    for count in counts:
        last = -1
        for i in range(at, at + count):
            if codes[i] <= last:
                return False
            last = codes[i]
        at += count
    return bool(are_numbers(weights, False))


@njit(cache=True, nogil=True)
def is_call(
    rows: I32, fused: F32, scores: F32, ranks: I16, vector: F32,
    acted_on: I32, times_ms: I64, gains: F32, log_price: F64,
    codes: I32, weights: F32, counts: I64,
) -> bool:  # fmt: skip
    """Tell whether these are the numbers of a call: candidates, a query's vector, a person.

    (n,) rows and fused, (n, c) scores and ranks, (dim,) vector; (a,) acted_on, times_ms and gains,
    (2,) log_price; (v,) codes and weights in (f,) runs that sum to v.
    """
    return bool(
        least(rows) >= 0
        and are_different(rows)
        and are_numbers(fused, False)
        and are_numbers(scores.ravel(), True)
        and least(ranks.ravel()) >= 0
        and are_numbers(vector, False)
        and least(acted_on) >= 0
        and are_different(acted_on)
        and least(times_ms) >= 0
        and are_numbers(gains, False)
        and are_numbers(log_price, True)
        and are_preferences(codes, weights, counts)
    )


@njit(cache=True, nogil=True)
def is_answer(scores: F32, places: I64) -> bool:
    """Tell whether (n,) scores are finite and (k,) places stand among them, each once."""
    if not are_numbers(scores, False):
        return False
    for place in places:
        if not 0 <= place < scores.size:
            return False
    return bool(are_different(places))


@njit(cache=True, nogil=True)
def places_of(rows: I32, named: I64) -> I64:
    """Return where each of (k,) named stands among (n,) rows, -1 where it does not. (k,)"""
    places = np.full(named.size, -1, np.int64)
    for at in range(rows.size):
        for which in range(named.size):
            if rows[at] == named[which]:
                places[which] = at
    return places
