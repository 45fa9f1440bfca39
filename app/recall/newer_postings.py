"""Postings that grow row by row and are shared by all views: a term's chain of slices.

    tails[term]  where its newest slice begins, and how many postings stand there; 0: it has none
    pool         slices: first the tail that was before, then (place << 16 | impact) a posting

A slice has room for twice as many postings as the one before it, so that a common term's lie side
by side and a rare one's take little (Busch et al., "Earlybird: Real-Time Search at Twitter", 2012).
A tail is one number, written after what it leads to; whoever looks from an older view meets newer
postings too and passes them by.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.corpus.growing import Growing
from app.domain.arrays import I32, I64, Bools
from app.recall.block_scan import ONE_TERM, SCORE

FIRST, MOST = 2, 4096  # postings of a term's first slice, and of any
USED = 0xFFFF  # the part of a tail that counts; an impact has as many bits


class Inverted(NamedTuple):
    """Some rows' postings, term by term."""

    terms: I64  # (t,) distinct
    starts: I64  # (t,) where each one's begin
    ends: I64  # (t,)
    places: I32  # (p,) of rows, ascending in each term
    impacts: I32  # (p,) in GRAINs, below 2¹⁶


class GrowingPostings:
    """One thread adds rows; any may look."""

    def __init__(self) -> None:
        self.rows = 0
        self._tails = Growing(np.empty(0, np.int64))
        self._rooms = Growing(np.empty(0, np.int32))  # of each term's newest slice
        self._pool = Growing(np.zeros(1, np.int64))  # no slice begins at 0

    def add(self, rows: int, vocabulary: int, inverted: Inverted) -> None:
        """Add so many rows, which stand at the places behind those that are there."""
        new = max(vocabulary - self._tails.size, 0)
        self._tails.append(np.zeros(new, np.int64))
        self._rooms.append(np.zeros(new, np.int32))
        terms, end = inverted.terms, self._pool.size
        tails, rooms = self._tails.view()[terms], self._rooms.view()[terms]
        at, values, end = _lay(inverted, tails, rooms, end)
        self._pool.append(np.zeros(end - self._pool.size, np.int64))
        self._pool.put(at, values)
        self._rooms.put(terms, rooms)
        self._tails.put(terms, tails)  # only now does anybody come to what is new
        self.rows += rows

    def most_matches(self, terms: I32) -> int:
        """Return a bound on the rows that hold any of the terms."""
        tails = self._tails_of(terms)
        return int(_count(tails, self._pool.view()))

    def add_up(self, terms: I32, n: int) -> I32:
        """Return for each of the first n places ONE_TERM a term that it holds + Σ impacts. (n,)"""
        tails = self._tails_of(terms)  # first: what they lead to is there by then
        sums: I32 = _add_up(tails, self._pool.view(), n)
        return sums

    def _tails_of(self, terms: I32) -> I64:
        tails = self._tails.view()
        found: I64 = tails[terms[terms < tails.size]]
        return found


@njit(cache=True, nogil=True)
def _lay(inverted: Inverted, tails: I64, rooms: I32, end: int) -> tuple[I64, I64, int]:
    """Find a place in the pool for each posting, in new slices from `end` on where one is full.

    Moves `tails` and `rooms`. Returns where to write, what, and where the pool ends then.
    """
    size = 2 * inverted.places.size
    at, values, m = np.empty(size, np.int64), np.empty(size, np.int64), 0
    for i in range(tails.size):
        tail, room = tails[i], rooms[i]
        for j in range(inverted.starts[i], inverted.ends[i]):
            if tail & USED == room:
                at[m], values[m] = end, tail
                m += 1
                tail, room = np.int64(end + 1) << 16, min(max(2 * room, FIRST), MOST)
                end += room + 1
            at[m] = (tail >> 16) + (tail & USED)
            values[m] = np.int64(inverted.places[j]) << 16 | inverted.impacts[j]
            m, tail = m + 1, tail + 1
        tails[i], rooms[i] = tail, room
    return at[:m], values[:m], end


@njit(cache=True, nogil=True)
def _count(tails: I64, pool: I64) -> int:
    found = 0
    for first in tails:
        tail = first
        while tail:
            found += tail & USED
            tail = pool[(tail >> 16) - 1]
    return found


@njit(cache=True, nogil=True)
def _add_up(tails: I64, pool: I64, n: int) -> I32:
    sums = np.zeros(n, np.int32)
    for first in tails:
        tail = first
        while tail:
            start = tail >> 16
            for at in range(start, start + (tail & USED)):
                place = pool[at] >> 16
                if place < n:
                    sums[place] += ONE_TERM + (pool[at] & USED)
            tail = pool[start - 1]
    return sums


@njit(cache=True, nogil=True)
def pick(sums: I32, allowed: Bools, at_least: int, least: int) -> tuple[I32, I32, int]:
    """Return the places of `at_least` terms whose impacts come to `least`, and what they come to.

    Also how many places hold so many terms. `allowed` (n,) leaves others out; (0,) allows all.
    """
    places, grains = np.empty(sums.size, np.int32), np.empty(sums.size, np.int32)
    size, matching = 0, 0
    for place in range(sums.size):
        value = sums[place]
        if value < at_least * ONE_TERM or (allowed.size and not allowed[place]):
            continue
        matching += 1
        places[size], grains[size] = place, value & SCORE
        size += grains[size] >= least
    return places[:size], grains[:size], matching
