"""BM25F of rows that no posting knows yet, term by term from their tokens.

The same grains as `indexing` writes for a posting, by the snapshot's own df, lengths and number of
rows: a document scores alike before and after it is folded into an index of these statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.bm25 import idf, length_norm, saturate
from app.corpus.chains import Chains
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.domain.filters import RowMask
from app.recall.best_rows import Matches
from app.recall.indexing import WeightedField
from app.recall.postings import GRAIN, Postings


@dataclass(frozen=True, slots=True)
class NewerText:
    """The searched fields of rows newer than the postings."""

    chains: Chains
    fields: Sequence[WeightedField]  # their columns reach to the newest row
    k1: float

    def find(self, postings: Postings, terms: I32, at_least: int, mask: RowMask | None) -> Matches:
        """Return all rows that hold at least `at_least` of the distinct terms, by row."""
        rows = self.chains.holding(terms)
        rows = rows if mask is None else rows[mask.allowed[rows]]
        if not rows.size:
            return Matches(np.empty(0, np.int32), np.empty(0, np.float32), 0)
        earned = np.zeros((rows.size, terms.size), np.float32)
        for field in self.fields:
            tokens, average = field.column.tokens, field.column.average_length
            _earn(
                tokens.offsets, tokens.values, field.weight, average, field.b, rows, terms, earned
            )
        worths = np.array([idf(df, postings.n) / GRAIN for df in postings.sizes(terms)])
        found, scores = _score(rows, earned, worths, self.k1, at_least)
        return Matches(found, scores, found.size)


@njit(cache=True, nogil=True)
def _earn(
    offsets: I64, values: I32, weight: float, average: float, b: float,
    rows: Rows, terms: I32, earned: F32,
) -> None:  # fmt: skip
    """Add what each term earns in one field: weight · tf ÷ length norm. earned: (rows, terms)

    One bit for each residue of 64 tells, without a branch, that most tokens are no query term.
    """
    sieve, tf = np.uint64(0), np.zeros(terms.size, np.int64)
    for term in terms:
        sieve |= np.uint64(1) << np.uint64(term & 63)
    for i in range(rows.size):
        start, end, has_any = offsets[rows[i]], offsets[rows[i] + 1], False
        for at in range(start, end):
            if sieve >> np.uint64(values[at] & 63) & np.uint64(1):
                for j in range(terms.size):
                    if terms[j] == values[at]:
                        tf[j] += 1
                        has_any = True
        if has_any:
            norm = length_norm(end - start, average, b)
            for j in range(terms.size):
                earned[i, j] += np.float32(weight * tf[j] / norm)
                tf[j] = 0


@njit(cache=True, nogil=True)
def _score(rows: Rows, earned: F32, worths: F64, k1: float, at_least: int) -> tuple[Rows, F32]:
    """Add up whole grains, as the postings' impacts are added."""
    found, scores, size = np.empty(rows.size, np.int32), np.empty(rows.size, np.float32), 0
    for i in range(rows.size):
        matched, grains = 0, 0
        for j in range(worths.size):
            if earned[i, j] > 0:
                matched += 1
                grains += max(1, round(worths[j] * saturate(earned[i, j], k1)))
        if matched >= at_least:
            found[size], scores[size] = rows[i], grains * GRAIN
            size += 1
    return found[:size], scores[:size]
