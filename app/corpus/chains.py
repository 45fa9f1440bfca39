"""Which newer rows hold a term: chains that grow by one link for each term of a row.

    last[term] → its newest link;  rows[link];  previous[link] → the link before, -1 at the end

A chain leads from new rows to old ones, and a link is never changed. Whoever looks from an older
view meets newer links first and passes them by, so that all views share the chains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.growing import Growing
from app.corpus.ragged import Ragged
from app.domain.arrays import I32, I64, Rows


class GrowingChains:
    """One thread adds rows; any may look."""

    def __init__(self) -> None:
        self._last = Growing(np.empty(0, np.int32))
        self._rows = Growing(np.empty(0, np.int32))
        self._previous = Growing(np.empty(0, np.int32))

    def add(self, columns: Sequence[Ragged], first_row: int, terms: int) -> None:
        """Add rows that hold what their columns hold. `terms`: how many there are by now."""
        self._last.append(np.full(terms - self._last.size, -1, np.int32))
        rows = [np.repeat(np.arange(len(c), dtype=np.int64), c.lengths) for c in columns]
        keys = [row * terms + c.values for row, c in zip(rows, columns, strict=True)]
        held = np.unique(np.concatenate(keys)) if keys else np.empty(0, np.int64)  # by row
        distinct, which = np.unique(held % max(terms, 1), return_inverse=True)
        heads = self._last.view()[distinct]
        self._previous.append(_chain(which, heads, self._rows.size))
        self._rows.append((held // max(terms, 1) + first_row).astype(np.int32))
        self._last.put(distinct, heads)  # only now does anybody come to the new links

    def holding(self, terms: I32, n: int) -> Rows:
        """Return the rows below n that hold any of the terms, ascending."""
        last = self._last.view()
        heads = last[terms[terms < last.size]]  # first: what they lead to is there by then
        rows: Rows = np.unique(_walk(heads, self._rows.view(), self._previous.view(), n))
        return rows


@dataclass(frozen=True, slots=True)
class Chains:
    """The chains as a view of n rows sees them."""

    growing: GrowingChains
    n: int

    def holding(self, terms: I32) -> Rows:
        """Return the newer rows that hold any of the terms, ascending."""
        return self.growing.holding(terms, self.n)


@njit(cache=True, nogil=True)
def _chain(which: I64, heads: I32, first: int) -> I32:
    """Link each to its term's head and make it the head. Returns what each leads to."""
    previous = np.empty(which.size, np.int32)
    for i in range(which.size):
        previous[i] = heads[which[i]]
        heads[which[i]] = first + i
    return previous


@njit(cache=True, nogil=True)
def _walk(heads: I32, rows: Rows, previous: I32, n: int) -> Rows:
    """List the rows below n on all chains; one that is on several is listed as often."""
    found, size = np.empty(256, np.int32), 0
    for head in heads:
        at = head
        while at >= 0:
            if rows[at] < n:
                if size == found.size:
                    found = np.concatenate((found, np.empty(size, np.int32)))
                found[size] = rows[at]
                size += 1
            at = previous[at]
    return found[:size]
