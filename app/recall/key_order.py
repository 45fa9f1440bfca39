"""Whole numbers as keys, unique but for 0, which stands for nothing: which are the largest of many,
and in what order. Without a choice on the way: a heap guesses wrong at nearly every step.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.corpus.quickselect import put_largest_first
from app.domain.arrays import I64

RUN = 128  # keys of which each is told its place by comparing it with all: in vector code
BIN_BITS = 8  # of the number of bins that keys are counted in


@njit(cache=True, nogil=True)
def keep_largest(keys: I64, size: int, k: int) -> int:
    """Move keys to the front among which the k largest of the first `size` are; return how many.

    At most 2 k: those in the bins, all equally wide, from the k-th largest key's on; where that is
    too many, the k largest. Keys are not negative.
    """
    if size <= k:
        return size
    least, most = keys[0], keys[0]
    for key in keys[:size]:
        least, most = min(least, key), max(most, key)
    shift = 0
    while (most - least) >> shift >> BIN_BITS:
        shift += 1
    counts = np.zeros(1 << BIN_BITS, np.int32)
    for key in keys[:size]:
        counts[np.uint64((key - least) >> shift)] += 1
    bin_, reaching = counts.size, 0
    while reaching < k:
        bin_ -= 1
        reaching += counts[bin_]
    if reaching > 2 * k:
        put_largest_first(keys, size, k)
        return k
    edge, kept = least + (np.int64(bin_) << shift), 0
    for key in keys[:size]:
        keys[kept] = key
        kept += key >= edge
    return kept


@njit(cache=True, nogil=True)
def falling(keys: I64) -> I64:
    """Return the keys, the largest first: runs by comparing all with all, then merged."""
    n = keys.size
    ordered, other = np.zeros(n, np.int64), np.empty(n, np.int64)
    for first in range(0, n, RUN):
        run = keys[first : first + RUN]
        for i in range(run.size):
            place = 0
            for j in range(run.size):
                place += run[j] > run[i]
            ordered[first + place] = run[i]  # 0 comes last: it is there already
    width = RUN
    while width < n:
        for first in range(0, n, 2 * width):
            _merge(ordered, first, min(first + width, n), min(first + 2 * width, n), other)
        ordered, other, width = other, ordered, 2 * width
    return ordered


@njit(cache=True, nogil=True)
def _merge(keys: I64, first: int, middle: int, end: int, merged: I64) -> None:
    """Merge two falling stretches of keys that lie one behind the other."""
    one, two = first, middle
    for at in range(first, end):
        is_first = two == end or (one < middle and keys[one] >= keys[two])
        merged[at] = keys[one] if is_first else keys[two]
        one, two = one + is_first, two + (not is_first)
