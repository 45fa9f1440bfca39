"""How a query's words meet the fields of a document, from its record, a row at a time.

bm25            BM25 of the query in this field alone, in nats
coverage        share of the query's terms that the field has
idf_coverage    the same, each term counted by its idf in this field
field_coverage  share of the field's tokens that are query terms
starts_with     1 if the field begins with the query's first term
first_position  1 / (1 + tokens before the first query term)
longest_run     most query terms side by side and in the query's order
proximity       matched terms ÷ the shortest window that holds them all
equals          1 if the field's tokens are the query's terms in order, and nothing else

A row without the field, and every row of a query without terms, is NaN throughout. Terms that the
catalogue does not know count as asked for and never found. A field with more than FIRST_TOKENS
tokens is known up to there, as if it ended there; only its length in BM25 is the true one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.corpus.bm25 import K1, B, idf, length_norm, saturate
from app.corpus.row_store import FIRST_TOKENS, Layout, RowStore
from app.domain.arrays import F32, F64, I32, I64, U64, Rows

FIELD_MATCHES = (
    "bm25",
    "coverage",
    "idf_coverage",
    "field_coverage",
    "starts_with",
    "first_position",
    "longest_run",
    "proximity",
    "equals",
)


class TextMatches(NamedTuple):
    """How a query meets each searched field of some rows."""

    fields: F32  # (fields, 9, rows) FIELD_MATCHES
    any_coverage: F32  # (rows,) the best coverage of any field, NaN where the row has none


def match_rows(store: RowStore, rows: Rows, ids: I32, n: int) -> TextMatches:
    """Meet the query with each row, each computed from that row alone.

    `ids` are the query's distinct terms in order, -1 where unknown; `n` the rows that df counts.
    """
    records, worth = store.records, _worths(store.df, ids, n)
    return TextMatches(
        *_match(
            records.offsets, records.values, store.layout, store.average_lengths, rows, ids, worth
        )
    )


@njit(cache=True, nogil=True)
def _worths(df: I32, ids: I32, n: int) -> F64:
    """Idf of each term in each field. (fields, terms)"""
    worth = np.empty((df.shape[1], ids.size), np.float64)
    for f in range(df.shape[1]):
        for j in range(ids.size):
            worth[f, j] = idf(df[ids[j], f] if ids[j] >= 0 else 0, n)
    return worth


@njit(cache=True, nogil=True)
def _match(
    offsets: I64, values: I32, layout: Layout, averages: F64, rows: Rows, ids: I32, worth: F64
) -> tuple[F32, F32]:
    fields = averages.size
    out = np.zeros((fields, 9, rows.size), np.float32)
    best = np.full(rows.size, np.nan, np.float32)
    if ids.size == 0:
        out[:] = np.nan
        return out, best
    sieve = np.uint64(0)
    for term in ids:
        sieve |= np.uint64(1) << np.uint64(term & 63)
    at, which = np.empty(FIRST_TOKENS + 1, np.int32), np.empty(FIRST_TOKENS + 1, np.int32)
    tf, inside = np.zeros(ids.size, np.int32), np.zeros(ids.size, np.int32)
    starts, residues = _skim(offsets, values, layout, rows)
    for i in range(rows.size):
        place = starts[i] + layout.header
        for f in range(fields):
            length = int(values[starts[i] + layout.lengths + f])
            if length == 0:
                out[f, :, i] = np.nan
                continue
            read, hits = min(length, FIRST_TOKENS), 0
            if residues[i, f] & sieve:
                hits = _find(values, place, read, ids, sieve, at, which)
            place += read
            if not best[i] >= 0:
                best[i] = 0
            if hits == 0:
                continue
            norm = length_norm(length, averages[f], B)
            matched = _weigh(which, hits, tf, worth[f], norm, out[f], i)
            run = _longest_run(at, which, hits)
            out[f, 3, i] = hits / read
            out[f, 4, i] = at[0] == 0 and which[0] == 0
            out[f, 5, i] = 1 / (1 + at[0])
            out[f, 6, i] = run
            out[f, 7, i] = matched / _shortest_window(at, which, hits, matched, inside)
            out[f, 8, i] = length == ids.size and run == ids.size
            best[i] = max(best[i], out[f, 1, i])
    return out, best


@njit(cache=True, nogil=True)
def _skim(offsets: I64, values: I32, layout: Layout, rows: Rows) -> tuple[I64, U64]:
    """Return where each row's record starts, and which residues of 64 occur in each field.

    Rows lie all over the file. No branch here waits for a token, so that the processor fetches
    many rows at once instead of one after another.
    """
    starts = np.empty(rows.size, np.int64)
    for i in range(rows.size):
        starts[i] = offsets[rows[i]]
    residues = np.zeros((rows.size, layout.fields), np.uint64)
    for i in range(rows.size):
        place = starts[i] + layout.header
        for f in range(layout.fields):
            end = place + min(int(values[starts[i] + layout.lengths + f]), FIRST_TOKENS)
            seen = np.uint64(0)
            while place < end:
                seen |= np.uint64(1) << np.uint64(values[place] & 63)
                place += 1
            residues[i, f] = seen
    return starts, residues


@njit(cache=True, nogil=True)
def _find(values: I32, start: int, read: int, ids: I32, sieve: int, at: I32, which: I32) -> int:
    """List the field's query terms in reading order: where, and which. Returns how many.

    First without a branch, by one bit for each residue of 64, which few other tokens pass.
    """
    passed = 0
    for position in range(read):
        at[passed] = position
        passed += (sieve >> np.uint64(values[start + position] & 63)) & np.uint64(1) != 0
    hits = 0
    for p in range(passed):
        term, j = values[start + at[p]], 0
        while j < ids.size and ids[j] != term:
            j += 1
        if j < ids.size:
            at[hits], which[hits] = at[p], j
            hits += 1
    return hits


@njit(cache=True, nogil=True)
def _weigh(which: I32, hits: int, tf: I32, worth: F64, norm: float, out: F32, i: int) -> int:
    """Set bm25, coverage and idf_coverage; return how many terms are matched. Leaves tf at 0."""
    for h in range(hits):
        tf[which[h]] += 1
    matched, score, found, asked = 0, 0.0, 0.0, 0.0
    for j in range(tf.size):
        asked += worth[j]
        if tf[j] > 0:
            matched += 1
            found += worth[j]
            score += worth[j] * saturate(tf[j] / norm, K1)
            tf[j] = 0
    out[0, i], out[1, i], out[2, i] = score, matched / tf.size, found / asked
    return matched


@njit(cache=True, nogil=True)
def _longest_run(at: I32, which: I32, hits: int) -> int:
    longest = run = 1
    for h in range(1, hits):
        follows = at[h] == at[h - 1] + 1 and which[h] == which[h - 1] + 1
        run = run + 1 if follows else 1
        longest = max(longest, run)
    return longest


@njit(cache=True, nogil=True)
def _shortest_window(at: I32, which: I32, hits: int, matched: int, inside: I32) -> int:
    """Return the tokens of the shortest stretch with all matched terms. Leaves `inside` at 0.

    Widens to the right, and gives up on the left what stands again further right.
    """
    shortest, left, terms = int(at[hits - 1] - at[0]) + 1, 0, 0
    for right in range(hits):
        terms += inside[which[right]] == 0
        inside[which[right]] += 1
        while inside[which[left]] > 1:
            inside[which[left]] -= 1
            left += 1
        if terms == matched:
            shortest = min(shortest, int(at[right] - at[left]) + 1)
    for h in range(hits):
        inside[which[h]] = 0
    return shortest
