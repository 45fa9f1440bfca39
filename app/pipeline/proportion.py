"""Places kept for what a query leads to: a likely category is not crowded off the page.

The lower half of DetGreedy (Geyik, Ambler & Kenthapadi, KDD 2019): of the first i results a value
of probability p is due ⌊strength · p · i⌋, as long as the best `depth` results have so many. Where
several are due at once, the one that lacks most goes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F64, I32, I64, Bools, Rows
from app.domain.user import Preference
from app.snapshot.context import SearchContext
from app.snapshot.intent import intents_of

_ROUNDING = 1e-4
"""0.3 · 10 places are three, whatever fractions say that float32 holds, of 500 places at most."""


@dataclass(frozen=True, slots=True)
class Proportion:
    field: str  # keyword field whose values places are kept for
    strength: float  # share of its places that a value is sure of: 0 none, 1 all
    depth: int  # best results that are put in a new order


def in_proportion(ctx: SearchContext, rows: Rows, how: Proportion) -> I64:
    """Return the places of a list in their new order; those behind `depth` stay. (n,)

    rows: (n,) best first. Unchanged where nothing is known of what the query leads to. What is not
    known of it keeps no places; a document of several values counts for each.
    """
    documents = ctx.snapshot.documents
    intent = intents_of(ctx.tables, documents, ctx.query.terms).get(how.field)
    if intent is None:
        return np.arange(rows.size)
    return kept(documents, rows, intent, how)


def kept(documents: Documents, rows: Rows, intent: Preference, how: Proportion) -> I64:
    """Reorder a list by an intent. (n,)"""
    n = min(rows.size, how.depth)
    due = how.strength * intent.weights.astype(np.float64)
    owed = due * n >= 1 - _ROUNDING  # others are never due a place
    codes = documents.keywords[how.field].codes
    has = _holders(codes.offsets, codes.values, rows[:n], intent.codes[owed])
    return np.concatenate([_kept(has, due[owed]), np.arange(n, rows.size)])


@njit(cache=True, nogil=True)
def _holders(offsets: I64, values: I32, rows: Rows, codes: I32) -> Bools:
    """Tell which rows hold which of the codes. (n, v)"""
    has = np.zeros((rows.size, codes.size), np.bool_)
    for i in range(rows.size):
        for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
            for j in range(codes.size):
                has[i, j] |= values[at] == codes[j]
    return has


@njit(cache=True, nogil=True)
def _kept(has: Bools, due: F64) -> I64:
    """Give each position to the best result of the value that lacks most, or to the best of all.

    `due` is what each value is sure of a position. (v,)
    """
    n, values = has.shape
    held, left = np.zeros(values, np.int64), np.zeros(values, np.int64)
    order, is_taken = np.empty(n, np.int64), np.zeros(n, np.bool_)
    for i in range(n):
        left += has[i]
    for position in range(n):
        wanted, most = -1, 1.0 - _ROUNDING  # a place is due when a whole one is lacking
        for j in range(values):
            lacking = due[j] * (position + 1) - held[j]
            if left[j] and lacking > most:
                wanted, most = j, lacking
        chosen = 0
        while is_taken[chosen] or (wanted >= 0 and not has[chosen, wanted]):
            chosen += 1
        order[position], is_taken[chosen] = chosen, True
        for j in range(values):
            held[j] += has[chosen, j]
            left[j] -= has[chosen, j]
    return order
