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
from app.corpus.row_store import FIRST_TOKENS, Layout
from app.domain.arrays import F32, F64, I32, I64, U8

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


(
    BM25, COVERAGE, IDF_COVERAGE, FIELD_COVERAGE, STARTS_WITH, FIRST_POSITION, LONGEST_RUN,
    PROXIMITY, EQUALS,
) = range(len(FIELD_MATCHES))  # fmt: skip


MATCHES = len(FIELD_MATCHES)


class TextMatches(NamedTuple):
    """How a query meets each searched field of some rows."""

    fields: F32  # (rows, fields, 9) FIELD_MATCHES
    best_bm25: F32  # (fields,) the highest BM25, NaN where no row has the field
    any_coverage: F32  # (rows,) the best coverage of any field, NaN where the row has none


class Asked(NamedTuple):
    """A query, as fields are met by it. A tuple, for kernels take those."""

    ids: I32  # (t,) distinct terms in order, -1 where unknown
    sieve: int  # a bit for each residue of 64 among them
    worth: F64  # (fields, t) idf of each term in each field
    whole: F64  # (fields,) their sums
    averages: F64  # (fields,) tokens


@njit(cache=True, nogil=True)
def asked_of(df: I32, averages: F64, ids: I32, n: int) -> Asked:
    """Weigh the terms in each field; `df` (terms, fields) are among `n` rows."""
    worth, whole = np.empty((df.shape[1], ids.size), np.float64), np.zeros(df.shape[1])
    sieve = 0
    for term in ids:
        sieve |= 1 << (term & 63)
    for f in range(df.shape[1]):
        for j in range(ids.size):
            worth[f, j] = idf(df[ids[j], f] if ids[j] >= 0 else 0, n)
            whole[f] += worth[f, j]
    return Asked(ids, sieve, worth, whole, averages)


class Found(NamedTuple):
    """The places of the query's terms in g fields that hold some, a field after another."""

    groups: I64  # (g,) row · fields + field
    ends: I64  # (g,) where the group's places end; they begin where those of the one before end
    at: U8  # places in the field, ascending
    which: U8  # and which term stands there


@njit(cache=True, nogil=True)
def match(values: I32, starts: I64, layout: Layout, lengths: I32, asked: Asked) -> TextMatches:
    """Meet the query with each row, each computed from that row alone.

    Row i's record is at values[starts[i]], and lengths (n, fields) are the true ones. Each step
    goes over all rows: a function for each field of each row would cost more than what it does.
    """
    read = np.minimum(lengths, FIRST_TOKENS)
    found = _find(values, starts + layout.header, read, asked.ids, asked.sieve)
    out = np.empty((*lengths.shape, len(FIELD_MATCHES)), np.float32)
    best, best_bm25 = _blank(lengths, asked.ids.size, out)
    _weigh(lengths, asked, found, out, best, best_bm25)
    _place(read, lengths, asked.ids.size, found, out)
    return TextMatches(out, best_bm25, best)


@njit(cache=True, nogil=True)
def _find(values: I32, starts: I64, read: I32, ids: I32, sieve: int) -> Found:
    """List each field's query terms in reading order.

    First without a branch, by one bit for each residue of 64, which few other tokens pass, and
    without a look at where fields end: a processor foresees neither.
    """
    n, fields = read.shape
    at, which = np.empty(read.sum() + 1, np.uint8), np.empty(read.sum() + 1, np.uint8)
    groups, ends = np.empty(n * fields, np.int64), np.empty(n * fields, np.int64)
    passed, size, hits = np.empty(fields * FIRST_TOKENS + 1, np.int32), 0, 0
    for i in range(n if ids.size else 0):
        place, tokens, many = np.uintp(starts[i]), 0, np.int64(0)
        for f in range(fields):
            tokens += read[i, f]
        for position in range(tokens):
            passed[np.uintp(many)] = position
            many += (sieve >> np.int64(values[place + np.uintp(position)] & 63)) & 1
        f, first, end = -1, 0, 0
        for k in range(many):
            term, j = values[place + np.uintp(passed[k])], 0
            while j < ids.size and ids[j] != term:
                j += 1
            if j < ids.size:
                while passed[k] >= end:
                    f, first = f + 1, end
                    end += read[i, f]
                if size == 0 or groups[size - 1] != i * fields + f:
                    groups[size] = i * fields + f
                    size += 1
                at[hits], which[hits] = passed[k] - first, j
                hits += 1
                ends[size - 1] = hits
    return Found(groups[:size], ends[:size], at, which)


@njit(cache=True, nogil=True)
def _blank(lengths: I32, terms: int, out: F32) -> tuple[F32, F32]:
    """Set NaN where nothing can be said and 0 elsewhere; return the best of rows and of fields."""
    best = np.full(lengths.shape[0], np.nan, np.float32)
    of_field = np.full(lengths.shape[1], np.nan, np.float32)
    for i in range(lengths.shape[0]):
        for f in range(lengths.shape[1]):
            is_missing = lengths[i, f] == 0 or terms == 0
            nothing = np.float32(np.nan) if is_missing else np.float32(0)
            for m in range(MATCHES):  # a constant, so that they are written side by side
                out[i, f, m] = nothing
            if not is_missing:
                best[i] = of_field[f] = 0
    return best, of_field


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(lengths: I32, asked: Asked, found: Found, out: F32, best: F32, best_bm25: F32) -> None:
    """Set bm25, coverage and idf_coverage where a field holds terms, and the best of both."""
    worth, whole, averages, terms = asked.worth, asked.whole, asked.averages, asked.ids.size
    groups, ends, which = found.groups, found.ends, found.which
    tf, first = np.zeros(terms, np.int32), np.int64(0)
    for g in range(groups.size):
        i, f, end = groups[g] // lengths.shape[1], groups[g] % lengths.shape[1], ends[g]
        for h in range(first, end):
            tf[which[h]] += 1
        norm = length_norm(lengths[i, f], averages[f], B)
        matched, score, held = 0, 0.0, 0.0
        for j in range(terms):
            if tf[j] > 0:
                matched += 1
                held += worth[f, j]
                score += worth[f, j] * saturate(tf[j] / norm, K1)
                tf[j] = 0
        out[i, f, BM25], out[i, f, COVERAGE] = score, matched / terms
        out[i, f, IDF_COVERAGE] = held / whole[f]
        best[i] = max(best[i], out[i, f, COVERAGE])
        best_bm25[f] = out[i, f, BM25] if out[i, f, BM25] > best_bm25[f] else best_bm25[f]
        first = end


@njit(cache=True, nogil=True, error_model="numpy")
def _place(read: I32, lengths: I32, terms: int, found: Found, out: F32) -> None:
    """Set what depends on where the terms stand: runs, and the shortest stretch with all of them.

    A stretch widens to the right, and gives up on the left what stands again further right.
    """
    groups, ends, at, which = found.groups, found.ends, found.at, found.which
    inside, first = np.zeros(terms, np.int32), np.int64(0)
    for g in range(groups.size):
        i, f, end = groups[g] // read.shape[1], groups[g] % read.shape[1], ends[g]
        longest = run = 1
        for h in range(first + 1, end):
            follows = at[h] == at[h - 1] + 1 and which[h] == which[h - 1] + 1
            run = run + 1 if follows else 1
            longest = max(longest, run)
        held, shortest, left = 0, np.int64(read[i, f]), first
        for right in range(first, end):
            held_before, held = held, held + (inside[which[right]] == 0)
            inside[which[right]] += 1
            while inside[which[left]] > 1:
                inside[which[left]] -= 1
                left += 1
            stretch = np.int64(at[right] - at[left]) + 1
            shortest = stretch if held > held_before else min(shortest, stretch)
        for h in range(first, end):
            inside[which[h]] = 0
        out[i, f, FIELD_COVERAGE] = (end - first) / read[i, f]
        out[i, f, STARTS_WITH] = at[first] == 0 and which[first] == 0
        out[i, f, FIRST_POSITION], out[i, f, LONGEST_RUN] = 1 / (1 + at[first]), longest
        out[i, f, PROXIMITY] = held / shortest
        out[i, f, EQUALS] = lengths[i, f] == terms and longest == terms
        first = end
