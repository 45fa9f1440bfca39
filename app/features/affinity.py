"""How much of some preferences went to what each candidate is: category, tags, brand.

A person's own, from past gains, or those of all who typed a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numba import njit

from app.corpus.row_store import RowStore
from app.domain.arrays import F32, I32, I64
from app.domain.user import Preference

_NOBODY = -1
_NOTHING = Preference(np.empty(0, np.int32), np.empty(0, np.float32))


Preferred: TypeAlias = tuple[I64, I32, F32]
"""How many codes each field has, and the codes and weights of all, a field after another."""

Tastes: TypeAlias = tuple[I64, I64, F32]
"""The same by a hash table at most a quarter full.

ends (fields,)    how many codes are preferred of this field and those before it
keys (slots,)     field << 32 | code, or -1
weights (slots,)
"""


def preferred_of(store: RowStore, preferences: Mapping[str, Preference]) -> Preferred:
    held = [preferences.get(field, _NOTHING) for field in store.code_fields]
    return (
        np.array([h.codes.size for h in held], np.int64),
        np.concatenate([_NOTHING.codes, *[h.codes for h in held]]),
        np.concatenate([_NOTHING.weights, *[h.weights for h in held]]),
    )


@njit(cache=True, nogil=True)
def tastes_of(preferred: Preferred) -> Tastes:
    sizes, codes, weights = preferred
    slots = 16
    while slots < 4 * codes.size:
        slots *= 2
    keys, worths, ends = (
        np.full(slots, _NOBODY, np.int64),
        np.zeros(slots, np.float32),
        sizes.copy(),
    )
    i = 0
    for field in range(sizes.size):
        for _ in range(sizes[field]):
            key = np.int64(field) << 32 | np.int64(codes[i])
            at = _slot(key, slots)
            while keys[at] != _NOBODY:
                at = (at + 1) & (slots - 1)
            keys[at], worths[at] = key, weights[i]
            i += 1
        ends[field] = i
    return ends, keys, worths


@njit(cache=True, nogil=True)
def affinities(values: I32, starts: I64, counts: int, codes: I64, tastes: Tastes) -> F32:
    """Return the summed weight of each row's codes in each field, NaN where nothing is preferred.

    Row i has values[starts[i] + counts + p] codes of field p; those of all begin at codes[i].
    """
    ends, keys, weights = tastes
    out = np.full((starts.size, ends.size), np.nan, np.float32)
    for i in range(starts.size):
        place, before = codes[i], np.int64(0)
        for p in range(ends.size):
            many = np.int64(values[np.uintp(starts[i] + counts + p)])
            if ends[p] > before:
                total = np.float32(0.0)
                for k in range(many):
                    key = np.int64(p) << 32 | np.int64(values[np.uintp(place + k)])
                    at = _slot(key, keys.size)
                    while keys[at] != _NOBODY and keys[at] != key:
                        at = (at + 1) & (keys.size - 1)
                    if keys[at] == key:
                        total += weights[at]
                out[i, p] = total
            place += many
            before = ends[p]
    return out


@njit(cache=True, nogil=True)
def _slot(key: int, size: int) -> int:
    """Fibonacci hashing: Knuth, The Art of Computer Programming, vol. 3, 6.4."""
    return (((key ^ (key >> 29)) * 2654435769) >> 16) & (size - 1)
