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
        at = np.int64(value) * 0x9E3779B1 & mask
        while seen[at] >= 0:
            if seen[at] == value:
                return False
            at = at + 1 & mask
        seen[at] = value
    return True


@njit(cache=True, nogil=True)
def are_candidates(rows: I32, fused: F32, scores: F32, ranks: I16) -> bool:
    """Tell whether (n,) rows, (n,) fused, (n, c) scores and ranks are those of candidates."""
    return bool(
        least(rows) >= 0
        and are_different(rows)
        and are_numbers(fused, False)
        and are_numbers(scores.ravel(), True)
        and least(ranks.ravel()) >= 0
    )


@njit(cache=True, nogil=True)
def are_actions(rows: I32, times_ms: I64, weights: F32, log_price: F64) -> bool:
    """Tell whether (a,) rows, times and weights, and (2,) prices, are those of a person."""
    return bool(
        least(rows) >= 0
        and are_different(rows)
        and least(times_ms) >= 0
        and are_numbers(weights, False)
        and are_numbers(log_price, True)
    )


@njit(cache=True, nogil=True)
def is_preference(codes: I32, weights: F32) -> bool:
    """Tell whether (v,) codes rise from 0 or above, and their (v,) weights are numbers."""
    last = -1
    for code in codes:
        if code <= last:
            return False
        last = code
    return bool(are_numbers(weights, False))


@njit(cache=True, nogil=True)
def places_of(rows: I32, named: I64) -> I64:
    """Return where each of (k,) named stands among (n,) rows, -1 where it does not. (k,)"""
    places = np.full(named.size, -1, np.int64)
    for at in range(rows.size):
        for which in range(named.size):
            if rows[at] == named[which]:
                places[which] = at
    return places
