"""Lifts rows in which the query's words stand side by side, as they stand in the query.

Two neighbouring query terms count as a term of their own: its idf is the lesser of the two, its tf
in a field is 1 where they are adjacent and in order, and fields add up by weight as in BM25F (after
Rasolofo & Savoy, "Term Proximity Scoring for Keyword-Based Retrieval Systems", 2003, who let it
fall off with distance; on our sets nothing beyond adjacency helped).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.bm25 import idf, saturate
from app.corpus.documents import Documents
from app.corpus.schema import FieldType
from app.domain.arrays import F32, F64, I32, I64, U64, Rows
from app.recall.postings import Postings

PROSE = 32
"""Text fields of more tokens on average are left out: in prose words meet by chance, and where a
bonus for names and labels gained on four sets, one for prose lost on the fifth."""

PAIRS = 1.5
"""Fields of fewer tokens on average hold hardly a pair."""

FIRST_TOKENS = 256
"""A field is read up to here, so that one endless document costs no more than another."""


@dataclass(frozen=True, slots=True)
class PhraseField:
    offsets: I64  # (n + 1,)
    values: I32  # term ids
    weight: float


def phrase_fields(documents: Documents) -> tuple[PhraseField, ...]:
    """Return the searched fields in which neighbouring words mean something."""
    columns = ((f, documents.tokens[f.name]) for f in documents.schema.searched)
    return tuple(
        PhraseField(c.tokens.offsets, c.tokens.values, f.weight)
        for f, c in columns
        if c.average_length >= PAIRS and (f.type is FieldType.KEYWORD or c.average_length <= PROSE)
    )


def phrase_bonus(
    fields: Sequence[PhraseField], rows: Rows, terms: I32, postings: Postings, k1: float
) -> F32:
    """Return what the query's pairs of neighbours earn in each row, in nats, from 0 up. (rows,)

    `terms` in the query's order, -1 where unknown; at least two.
    """
    tf = np.zeros((rows.size, terms.size - 1))
    for field in fields:
        _add_pairs(field.offsets, field.values, rows, terms, field.weight, tf)
    bonus: F32 = _weigh_pairs(tf, terms, postings.offsets, postings.n, k1)
    return bonus


@njit(cache=True, nogil=True)
def _add_pairs(offsets: I64, values: I32, rows: Rows, terms: I32, weight: float, tf: F64) -> None:
    """Add `weight` for each pair that stands in the row's field. tf: (rows, t - 1)"""
    sieve = np.uint64(0)
    for term in terms:
        sieve |= np.uint64(1) << np.uint64(term & 63)
    starts, ends, residues = _skim(offsets, values, rows)
    for i in range(rows.size):
        if residues[i] & sieve:
            seen = _find_pairs(values, starts[i], ends[i], terms, sieve)
            for pair in range(tf.shape[1]):
                if seen >> np.uint64(pair) & np.uint64(1):
                    tf[i, pair] += weight


@njit(cache=True, nogil=True)
def _find_pairs(values: I32, start: int, end: int, terms: I32, sieve: np.uint64) -> np.uint64:
    """Return as bits the pairs (term j, term j + 1) that stand side by side."""
    before, seen = -1, np.uint64(0)
    for at in range(start, end):
        this = -1
        if (sieve >> np.uint64(values[at] & 63)) & np.uint64(1):
            for j in range(terms.size):
                if terms[j] == values[at]:
                    this = j
        if before >= 0 and this == before + 1:
            seen |= np.uint64(1) << np.uint64(before)
        before = this
    return seen


@njit(cache=True, nogil=True)
def _skim(offsets: I64, values: I32, rows: Rows) -> tuple[I64, I64, U64]:
    """Return where each row's tokens begin and end, and which residues of 64 occur among them.

    Rows lie all over the file. Nothing here branches on a token, so that the processor fetches
    many rows at a time; the careful reading comes after, when they are near.
    """
    starts, ends = np.empty(rows.size, np.int64), np.empty(rows.size, np.int64)
    residues = np.zeros(rows.size, np.uint64)
    for i in range(rows.size):
        starts[i] = offsets[rows[i]]
        ends[i] = min(offsets[rows[i] + 1], starts[i] + FIRST_TOKENS)
    for i in range(rows.size):
        for at in range(starts[i], ends[i]):
            residues[i] |= np.uint64(1) << np.uint64(values[at] & 63)
    return starts, ends, residues


@njit(cache=True, nogil=True)
def _weigh_pairs(tf: F64, terms: I32, offsets: I64, n: int, k1: float) -> F32:
    out = np.zeros(tf.shape[0], np.float32)
    for pair in range(tf.shape[1]):
        if terms[pair] >= 0 and terms[pair + 1] >= 0:
            first = offsets[terms[pair] + 1] - offsets[terms[pair]]
            second = offsets[terms[pair + 1] + 1] - offsets[terms[pair + 1]]
            worth = idf(max(first, second), n)
            for i in range(tf.shape[0]):
                out[i] += worth * saturate(tf[i, pair], k1)
    return out
