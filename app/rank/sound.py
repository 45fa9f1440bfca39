"""Whether the numbers of a frame are what they must be, before any kernel counts on it.

One pass each and no array in between: NumPy's own take three calls and as many copies for an array
that is looked at once, and a call brings twenty.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import Array


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
