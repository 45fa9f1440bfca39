"""Finds, among sorted keys, the ranges that begin as typed or with one slip, and the best of them.

Ranges come from binary searches; the best of any ranges from a tree of maxima over the keys'
weights, walked from the top by a heap (Hsu & Ottaviano, "Space-Efficient Data Structures for
Top-k Completion", WWW 2013, 3.2): time grows with what is asked for, not with what matches.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

from app.domain.arrays import F32, I32, I64, U8, Array

Ranges = I64
"""Places of keys: first and one past the last. (r, 2)"""

MOST_RANGES = 256
MOST_SLIPPED = 24  # bytes of what was typed that may hold a slip


@njit(cache=True, nogil=True)
def max_tree(weights: F32) -> F32:
    """Return the maxima: entry 1 is that of all, 2i and 2i + 1 lie below i. (2n,)"""
    n = weights.size
    tree = np.zeros(2 * n, np.float32)
    tree[n:] = weights
    for i in range(n - 1, 0, -1):
        tree[i] = max(tree[2 * i], tree[2 * i + 1])
    return tree


@njit(cache=True, nogil=True)
def best_in(tree: F32, entries: I32, ranges: Ranges, k: int) -> I64:
    """Return places of the heaviest keys, heaviest first, one an entry, at most k."""
    n, heap = tree.size // 2, [(np.float32(0.0), np.int64(0))][:0]
    for i in range(len(ranges)):
        low, high = ranges[i, 0] + n, ranges[i, 1] + n
        while low < high:
            if low & 1:
                heapq.heappush(heap, (-tree[low], low))
                low += 1
            if high & 1:
                high -= 1
                heapq.heappush(heap, (-tree[high], high))
            low, high = low >> 1, high >> 1
    out, size = np.empty(k, np.int64), 0
    while heap and size < k:
        _, node = heapq.heappop(heap)
        if node < n:
            heapq.heappush(heap, (-tree[2 * node], 2 * node))
            heapq.heappush(heap, (-tree[2 * node + 1], 2 * node + 1))
        elif _is_first(entries, out[:size], node - n):
            out[size] = node - n
            size += 1
    return out[:size]


@njit(cache=True, nogil=True)
def best_among(tree: F32, offsets: I64, places: Array, chosen: I32, ranges: Ranges) -> I64:
    """Return, for each chosen entry, its heaviest key in the ranges, -1 where it has none. (c,)

    `places` are the keys of each entry, entry i from offsets[i] on.
    """
    n, out = tree.size // 2, np.full(chosen.size, -1, np.int64)
    for i in range(chosen.size):
        for place in places[offsets[chosen[i]] : offsets[chosen[i] + 1]]:
            is_better = out[i] < 0 or tree[n + place] > tree[n + out[i]]
            if is_better and _is_within(ranges, place):
                out[i] = place
    return out


@njit(cache=True, nogil=True)
def prefix_range(offsets: I64, values: U8, typed: U8) -> Ranges:
    """Return the one range of keys that begin as typed; none where there is no such key."""
    out = np.empty((1, 2), np.int64)
    out[0] = _narrowed(offsets, values, 0, offsets.size - 1, 0, typed)
    return out[: out[0, 1] > out[0, 0]]


@njit(cache=True, nogil=True)
def slip_ranges(offsets: I64, values: U8, typed: U8) -> Ranges:
    """Return ranges of keys that begin as typed but for one letter: left out, put in, changed, or
    swapped with the next. Letters are ASCII; other characters are as typed. The last letter is
    neither wrong nor too many: any other would do as well, and the next may tell.
    """
    out, size = np.empty((MOST_RANGES, 2), np.int64), 0
    given = typed.copy()  # one type of array for all kernels below
    low, high = np.int64(0), np.int64(offsets.size - 1)
    for i in range(min(given.size, MOST_SLIPPED)):
        if i + 1 < given.size:
            size = _add(out, size, _narrowed(offsets, values, low, high, i, given[i + 1 :]))
            swapped = given[i:].copy()
            swapped[0], swapped[1] = given[i + 1], given[i]
            if swapped[0] != swapped[1]:
                size = _add(out, size, _narrowed(offsets, values, low, high, i, swapped))
        at = low
        while at < high:
            letter, start = _byte(offsets, values, at, i), at
            at = _end_of(offsets, values, at, high, i, letter)
            if letter == given[i] or not 0 <= letter < 0x80:
                continue
            if given[i] < 0x80 and i + 1 < given.size:
                size = _add(out, size, _narrowed(offsets, values, start, at, i + 1, given[i + 1 :]))
            size = _add(out, size, _narrowed(offsets, values, start, at, i + 1, given[i:]))
        low, high = _narrowed(offsets, values, low, high, i, given[i : i + 1])
        if low >= high:
            break
    return out[:size]


@njit(cache=True, nogil=True)
def _add(out: Ranges, size: int, found: tuple[int, int]) -> int:
    """Put a range that holds something behind the others. Returns their number."""
    if found[0] < found[1] and size < len(out):
        out[size] = found
        for i in range(size):
            if out[i, 0] == found[0] and out[i, 1] == found[1]:
                return size
        return size + 1
    return size


@njit(cache=True, nogil=True)
def _is_first(entries: I32, before: I64, place: int) -> bool:
    is_first = True
    for other in before:
        is_first &= entries[other] != entries[place]
    return is_first


@njit(cache=True, nogil=True)
def _is_within(ranges: Ranges, place: int) -> bool:
    is_within = False
    for i in range(len(ranges)):
        is_within |= ranges[i, 0] <= place < ranges[i, 1]
    return is_within


@njit(cache=True, nogil=True)
def _byte(offsets: I64, values: U8, key: int, depth: int) -> int:
    """Return a byte of a key, -1 behind its end."""
    at = offsets[key] + depth
    return int(values[at]) if at < offsets[key + 1] else -1


@njit(cache=True, nogil=True)
def _end_of(offsets: I64, values: U8, low: int, high: int, depth: int, byte: int) -> int:
    """Return where keys end that have this byte at a depth; they begin at `low`.

    Steps that double, then halving: a letter's keys are few where letters are many.
    """
    step = 1
    while low + step < high and _byte(offsets, values, low + step, depth) <= byte:
        low, step = low + step, 2 * step
    high = min(high, low + step)
    while low < high:
        middle = (low + high) // 2
        if _byte(offsets, values, middle, depth) <= byte:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _compared(offsets: I64, values: U8, key: int, depth: int, wanted: U8) -> int:
    """Return -1, 0 or 1: the key from a depth on is before, begins with, or is after `wanted`."""
    start, end = offsets[key] + depth, offsets[key + 1]
    for j in range(wanted.size):
        if start + j >= end or values[start + j] < wanted[j]:
            return -1
        if values[start + j] > wanted[j]:
            return 1
    return 0


@njit(cache=True, nogil=True)
def _narrowed(
    offsets: I64, values: U8, low: int, high: int, depth: int, wanted: U8
) -> tuple[int, int]:
    """Return the keys of a range that go on with `wanted` from a depth on."""
    first, last = low, high
    while first < last:
        middle = (first + last) // 2
        if _compared(offsets, values, middle, depth, wanted) < 0:
            first = middle + 1
        else:
            last = middle
    end, last = first, high
    while end < last:
        middle = (end + last) // 2
        if _compared(offsets, values, middle, depth, wanted) <= 0:
            end = middle + 1
        else:
            last = middle
    return first, end
