"""Strings as keys: a hash, the size and the bytes, which a kernel looks up among sorted hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit

from app.corpus.lower_bound import lower_bound
from app.domain.arrays import I32, I64, U8, U64

_HASH, _SIZE = 8, 4
"""Bytes of a key before the string itself."""


def hash64(text: str) -> int:
    """A stable 64-bit hash; Python's own differs from process to process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@lru_cache(1 << 14)
def _key(text: str) -> bytes:
    """Return hash, size and bytes of a string to look up: a query's terms are, in many tables."""
    raw = text.encode()
    return hash64(text).to_bytes(_HASH, "little") + len(raw).to_bytes(_SIZE, "little") + raw


def keys_of(texts: Sequence[str]) -> U8:
    """Return the keys of strings to look up, one after another, as `find_keys` reads them."""
    return np.frombuffer(b"".join([_key(text) for text in texts]), np.uint8)


def hashes_of(texts: Sequence[str]) -> U64:
    """Return the hash of each string. (m,)"""
    return np.frombuffer(b"".join([_key(text)[:_HASH] for text in texts]), np.uint64)


def key_of(text: str) -> U8:
    """Return the key of one string to look up, as `find_key` reads it."""
    return np.frombuffer(_key(text), np.uint8)


@njit(cache=True, nogil=True)
def find_keys(hashes: U64, order: I32, offsets: I64, values: U8, keys: U8, count: int) -> I32:
    """Look up `count` strings by their keys in what a `Dictionary` holds. (count,)"""
    found, start = np.full(count, -1, np.int32), np.int64(0)
    for i in range(count):
        size = np.int64(_number(keys, start + _HASH, _SIZE))
        found[i] = find_key(hashes, order, offsets, values, keys[start:])
        start += _HASH + _SIZE + size
    return found


@njit(cache=True, nogil=True)
def find_key(hashes: U64, order: I32, offsets: I64, values: U8, key: U8) -> int:
    """Look up the string whose key comes first; -1 where it is not held."""
    wanted, size = _number(key, 0, _HASH), np.int64(_number(key, _HASH, _SIZE))
    at = first_from(hashes, wanted)
    while at < hashes.size and hashes[at] == wanted:
        first, end = offsets[order[at]], offsets[order[at] + 1]
        if end - first == size and same_bytes(values, first, key, _HASH + _SIZE, size):
            return int(order[at])
        at += 1
    return -1


@njit(cache=True, nogil=True)
def behind_first(keys: U8) -> np.int64:
    """Return where the second key begins."""
    return np.int64(_HASH + _SIZE) + np.int64(_number(keys, np.int64(_HASH), _SIZE))


@njit(cache=True, nogil=True)
def same_bytes(one: U8, first: int, other: U8, start: int, size: int) -> bool:
    """Tell whether the next `size` bytes from two places on are the same."""
    same = True
    for j in range(size):
        same = same and one[first + j] == other[start + j]
    return same


@njit(cache=True, nogil=True)
def _number(raw: U8, start: int, size: int) -> np.uint64:
    value = np.uint64(0)
    for j in range(size):
        value |= np.uint64(raw[start + j]) << np.uint64(8 * j)
    return value


@njit(cache=True, nogil=True)
def first_from(hashes: U64, wanted: int) -> int:
    """The first place whose hash is not below: guessed, for hashes are evenly spread, then sought.

    Halving from the middle of a million waits for memory twenty times, this two or three times.
    """
    low: int = min(int(wanted * (hashes.size / 2.0**64)), hashes.size)
    high, step = low, 16
    while low > 0 and hashes[low - 1] >= wanted:
        high, low, step = low, max(low - step, 0), 2 * step
    while high < hashes.size and hashes[high] < wanted:
        low, high, step = high, min(high + step, hashes.size), 2 * step
    first: int = lower_bound(hashes, low, high, wanted)
    return first
