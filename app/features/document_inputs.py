"""doc_*: columns of the documents, and of what behaviour counted for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from app.domain.arrays import F32, I64, Rows
from app.features.lookup import NAN, Inputs, unknown


def document_input(lookup: Inputs, base: str, field: str) -> Any:
    documents, rows = lookup.ctx.snapshot.documents, lookup.rows
    if base == "doc_number":
        return _number(lookup, field)
    if base == "doc_length":
        return count_tokens(documents.tokens[field].tokens.offsets, rows)
    name = base.removeprefix("doc_")
    if not field and name in lookup.ctx.tables.counters:
        return lookup.ctx.tables.counters[name].take(rows)
    if not field:
        return _number(lookup, name)
    raise unknown(base, field)


def _number(lookup: Inputs, field: str) -> Any:
    """float64, for epoch ms do not fit float32; NaN where the catalogue lacks the field."""
    numbers = lookup.ctx.snapshot.documents.numbers
    return numbers[field].take(lookup.rows) if field in numbers else NAN


@njit(cache=True, nogil=True)
def count_tokens(offsets: I64, rows: Rows) -> F32:
    """Tokens of each row, 0 where the field is missing. (n,)"""
    out = np.empty(rows.size, np.float32)
    for i in range(rows.size):
        out[i] = offsets[rows[i] + 1] - offsets[rows[i]]
    return out
