"""How often each row says each term, over all its searched fields, tempered: log(1 + Σ weight)."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import sparse

from app.corpus.documents import Documents
from app.domain.arrays import F32, I32, I64, Array


def term_counts(documents: Documents, rows: Array) -> sparse.csr_array:
    """Return log(1 + Σ weight · occurrences over the fields). (rows, terms) float32

    Terms ascend in each row. A field's occurrences are added up before the fields are, in the order
    of the schema, so that equal rows have the same bits wherever they are counted.
    """
    columns = [(name, column.tokens) for name, column in documents.tokens.items()]
    starts = np.zeros(rows.size + 1, np.int64)
    for _, tokens in columns:
        starts[1:] += tokens.offsets[rows + 1] - tokens.offsets[rows]
    np.cumsum(starts, out=starts)
    terms, weights = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    fields, at = np.empty(starts[-1], np.int32), starts[:-1].copy()
    for field, (name, tokens) in enumerate(columns):
        weight = np.float32(documents.schema.fields[name].weight)
        chosen = rows.astype(np.int64, copy=False)
        _lay_out(tokens.offsets, tokens.values, chosen, at, field, weight, terms, fields, weights)
    indices, sums, ends = _add_up(starts, terms, fields, weights)
    return sparse.csr_array((np.log1p(sums), indices, ends), (rows.size, len(documents.terms)))


@njit(cache=True, nogil=True)
def _lay_out(
    offsets: I64, values: I32, rows: I64, at: I64, field: int, weight: float,
    terms: I32, fields: I32, weights: F32,
) -> None:  # fmt: skip
    """Append one field's terms behind those that each row has already."""
    for i in range(rows.size):
        for place in range(offsets[rows[i]], offsets[rows[i] + 1]):
            terms[at[i]], fields[at[i]], weights[at[i]] = values[place], field, weight
            at[i] += 1


@njit(cache=True, nogil=True)
def _add_up(starts: I64, terms: I32, fields: I32, weights: F32) -> tuple[I32, F32, I64]:
    """Return each row's distinct terms, what they weigh if anything, and where each row ends."""
    indices, sums = np.empty(terms.size, np.int32), np.empty(terms.size, np.float32)
    ends, size = np.zeros(starts.size, np.int64), 0
    for row in range(starts.size - 1):
        start = starts[row]
        order = np.argsort(terms[start : starts[row + 1]], kind="mergesort") + start
        i = 0
        while i < order.size:
            term, total = terms[order[i]], np.float32(0)
            while i < order.size and terms[order[i]] == term:
                field, own = fields[order[i]], np.float32(0)
                while i < order.size and terms[order[i]] == term and fields[order[i]] == field:
                    own += weights[order[i]]
                    i += 1
                total += own
            if total != 0:
                indices[size], sums[size] = term, total
                size += 1
        ends[row + 1] = size
    return indices[:size].copy(), sums[:size].copy(), ends
