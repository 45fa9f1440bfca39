"""What people who typed this went on to choose: a distribution over the values of keyword fields.

    p(c) = (G_q(c) + p_T(c) · EVIDENCE) / (G_q + EVIDENCE)
    p_T(c) = mean over the query's terms t of G_t(c) / (G_t + EVIDENCE)

G_q is the click memory's decayed gain after this very query, G_q(c) what of it went to documents of
value c; a document of several values gives each an equal part. Dirichlet smoothing (MacKay & Peto,
Natural Language Engineering 1995), where a query backs off to its terms and those to nothing: what
is missing from 1 is not known. All of it is read off the tables: it knows what they know, no later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, I32, I64
from app.domain.user import PREFERENCE_FIELDS, Preference
from app.snapshot.tables import Memory, Tables, memory_key

EVIDENCE = 1.0
"""Gain that speaks as loud as what is fallen back to: one fresh click is no certainty."""

Intents: TypeAlias = Mapping[str, Preference]
"""Field → its values and their probabilities, in all at most 1. A field of which nothing is known
is missing."""

_Lists: TypeAlias = tuple[I64, I32, F32]
"""Offsets, ordinals and gains of a click memory's texts."""


class Confidence(NamedTuple):
    """How much is known of a query's intent in one field."""

    known: float  # the probabilities' sum, in (0, 1]: the rest is not known
    top: float  # the greatest of them
    entropy: float  # bits, of what is known


def intents_of(tables: Tables, documents: Documents, terms: Sequence[str]) -> Intents:
    """Foretell from the tables which values are meant by a query of these terms. Some 20 µs.

    Empty without terms, without tables, and where nobody chose anything after any of the terms.
    """
    queries, words = tables.queries, tables.terms
    if queries is None or words is None or not terms:
        return {}
    whole, single = queries.texts.find(memory_key(terms)), words.texts.find_all(terms)
    if whole < 0 and single.max() < 0:
        return {}
    chosen = _chosen(tables.row_of, _lists(queries), whole, _lists(words), single, EVIDENCE)
    found: dict[str, Preference] = {}
    for field in PREFERENCE_FIELDS:
        if field in documents.keywords:
            codes = documents.keywords[field].codes
            values, shares = _shares(codes.offsets, codes.values, *chosen)
            if values.size:
                found[field] = Preference(values, shares)
    return found


def confidence(intent: Preference) -> Confidence:
    """Say how sure an intent is."""
    return Confidence(*_confidence(intent.weights))


def _lists(memory: Memory) -> _Lists:
    clicked = memory.clicked
    return clicked.others.offsets, clicked.others.values, clicked.scores


@njit(cache=True, nogil=True)
def _chosen(
    row_of: I32, queries: _Lists, whole: int, words: _Lists, terms: I32, evidence: float
) -> tuple[I32, F64]:
    """Return rows, some of them repeatedly, and what each adds to the values that it has.

    `whole` and `terms` are places of texts in their lists, -1 of what was never typed.
    """
    size = 0 if whole < 0 else queries[0][whole + 1] - queries[0][whole]
    for term in terms:
        size += 0 if term < 0 else words[0][term + 1] - words[0][term]
    rows, parts = np.empty(size, np.int32), np.empty(size, np.float64)
    kept, own = _weigh(row_of, queries, whole, 1.0, evidence, rows, parts, 0)
    rest = evidence / (own + evidence) / terms.size
    for term in terms:
        kept, _ = _weigh(row_of, words, term, rest, evidence, rows, parts, kept)
    return rows[:kept], parts[:kept]


@njit(cache=True, nogil=True)
def _weigh(
    row_of: I32, lists: _Lists, which: int, weight: float, evidence: float, rows: I32, parts: F64,
    at: int,
) -> tuple[int, float]:  # fmt: skip
    """Write the documents of one list behind `at`, sharing `weight` by their gains and `evidence`.

    Returns where they end and the sum of their gains; documents that are gone count no more.
    """
    offsets, ordinals, gains = lists
    total, first = 0.0, at
    if which >= 0:
        for place in range(offsets[which], offsets[which + 1]):
            row = row_of[ordinals[place]]
            if row >= 0:
                rows[at], parts[at] = row, gains[place]
                total += gains[place]
                at += 1
    for i in range(first, at):
        parts[i] *= weight / (total + evidence)
    return at, total


@njit(cache=True, nogil=True)
def _shares(offsets: I64, codes: I32, rows: I32, parts: F64) -> tuple[I32, F32]:
    """Return the codes of the rows, ascending, and the sum of each one's parts.

    An open hash table (Knuth, TAOCP 3, 6.4, linear probing), at most half full.
    """
    size = 0
    for row in rows:
        size += offsets[row + 1] - offsets[row]
    slots = 16
    while slots < 2 * size:
        slots *= 2
    table = np.full(slots, -1, np.int32)  # code → its place among those found
    found, sums, count = np.empty(size, np.int32), np.zeros(size, np.float64), 0
    for i in range(rows.size):
        start, end = offsets[rows[i]], offsets[rows[i] + 1]
        for place in range(start, end):
            code = codes[place]
            slot = (np.int64(code) * 0x9E3779B1 >> 7) & (slots - 1)
            while table[slot] >= 0 and found[table[slot]] != code:
                slot = (slot + 1) & (slots - 1)
            if table[slot] < 0:
                table[slot], found[count] = count, code
                count += 1
            sums[table[slot]] += parts[i] / (end - start)
    order = np.argsort(found[:count])
    return found[:count][order], sums[:count][order].astype(np.float32)


@njit(cache=True, nogil=True)
def _confidence(shares: F32) -> tuple[float, float, float]:
    known = top = 0.0
    for share in shares:
        known, top = known + share, max(top, np.float64(share))
    entropy = 0.0
    for share in shares:
        if share > 0.0:
            entropy -= share / known * np.log2(share / known)
    return known, top, entropy
