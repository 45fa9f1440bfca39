"""Lifts rows in which the query's words stand side by side, as they stand in the query.

Two neighbouring query terms count as a term of their own: its idf is the lesser of the two, its tf
in a field is 1 where they are adjacent and in order, and fields add up by weight as in BM25F (after
Rasolofo & Savoy, "Term Proximity Scoring for Keyword-Based Retrieval Systems", 2003, who let it
fall off with distance; on our sets nothing beyond adjacency helped).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.corpus.bm25 import idf, saturate
from app.corpus.documents import Documents
from app.corpus.row_store import FIRST_TOKENS, Layout, RowStore
from app.corpus.schema import FieldType
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.recall.postings import Postings

PROSE = 32
"""Text fields of more tokens on average are left out: in prose words meet by chance, and where a
bonus for names and labels gained on four sets, one for prose lost on the fifth."""

PAIRS = 1.5
"""Fields of fewer tokens on average hold hardly a pair."""


def phrase_weights(documents: Documents) -> F64:
    """Weight of each searched field, 0 where neighbouring words mean little. (fields,)"""
    columns = ((f, documents.tokens[f.name]) for f in documents.schema.searched)
    weights = [
        f.weight
        if c.average_length >= PAIRS and (f.type is FieldType.KEYWORD or c.average_length <= PROSE)
        else 0.0
        for f, c in columns
    ]
    return np.array(weights, np.float64)


def phrase_bonus(
    store: RowStore, weights: F64, rows: Rows, terms: I32, postings: Postings, k1: float
) -> F32:
    """Return what the query's pairs of neighbours earn in each row, in nats, from 0 up. (rows,)

    `terms` in the query's order, -1 where unknown; at least two.
    """
    records, worth = store.records, _worths(terms, postings.offsets, postings.n)
    bonus: F32 = _add_pairs(
        records.offsets, records.values, store.layout, weights, rows, terms, worth, k1
    )
    return bonus


@njit(cache=True, nogil=True)
def _worths(terms: I32, offsets: I64, n: int) -> F64:
    """Idf of the rarer term of each pair, 0 where a term is unknown. (t - 1,)"""
    worth = np.zeros(terms.size - 1)
    for pair in range(worth.size):
        if terms[pair] >= 0 and terms[pair + 1] >= 0:
            first, second = _df(offsets, terms[pair]), _df(offsets, terms[pair + 1])
            worth[pair] = idf(max(first, second), n)
    return worth


@njit(cache=True, nogil=True)
def _df(offsets: I64, term: int) -> int:
    """Rows that hold the term, 0 for one that is newer than the postings."""
    return int(offsets[term + 1] - offsets[term]) if term < offsets.size - 1 else 0


@njit(cache=True, nogil=True)
def _add_pairs(
    offsets: I64,
    values: I32,
    layout: Layout,
    weights: F64,
    rows: Rows,
    terms: I32,
    worth: F64,
    k1: float,
) -> F32:
    bonus, tf = np.zeros(rows.size, np.float32), np.zeros(worth.size)
    sieve, starts, touched = np.uint64(0), np.empty(rows.size, np.int64), 0
    for term in terms:
        sieve |= np.uint64(1) << np.uint64(term & 63)
    for i in range(rows.size):
        starts[i] = offsets[rows[i]]
    for i in range(rows.size):  # fetches many rows at once; the careful reading comes after
        touched ^= values[starts[i] + layout.header - 1]
    for i in range(rows.size if touched != 1 << 40 else 0):
        place, has_any = starts[i] + layout.header, False
        for f in range(layout.fields):
            end = place + min(int(values[starts[i] + layout.lengths + f]), FIRST_TOKENS)
            seen = _find_pairs(values, place, end, terms, sieve) if weights[f] > 0 else np.uint64(0)
            place = end
            for pair in range(worth.size if seen else 0):
                if seen >> np.uint64(pair) & np.uint64(1):
                    tf[pair] += weights[f]
                    has_any = True
        for pair in range(worth.size if has_any else 0):
            bonus[i] += worth[pair] * saturate(tf[pair], k1)
            tf[pair] = 0.0
    return bonus


@njit(cache=True, nogil=True)
def _find_pairs(values: I32, start: int, end: int, terms: I32, sieve: np.uint64) -> np.uint64:
    """Return as bits the pairs (term j, term j + 1) that stand side by side.

    One bit for each residue of 64 tells, without a branch, that most tokens are no query term.
    """
    seen, before = np.uint64(0), np.uint64(0)
    for at in range(start, end):
        this = sieve >> np.uint64(values[at] & 63) & np.uint64(1)
        if before & this:
            for j in range(terms.size - 1):
                if terms[j] == values[at - 1] and terms[j + 1] == values[at]:
                    seen |= np.uint64(1) << np.uint64(j)
        before = this
    return seen
