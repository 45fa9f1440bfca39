"""doc_*: columns of the documents, and of what behaviour counted for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from app.domain.arrays import F32, Rows
from app.features.lookup import NAN, Inputs, unknown
from app.snapshot.tables import COUNTERS, Tables


def document_input(lookup: Inputs, base: str, field: str) -> Any:
    if base == "doc_number":
        return _number(lookup, field)
    if base == "doc_length":
        return _length(lookup, field)
    name = base.removeprefix("doc_")
    if not field and name in COUNTERS:
        return lookup.counters[:, COUNTERS.index(name)]
    if not field:
        return _number(lookup, name)
    raise unknown(base, field)


def counters_of(tables: Tables, rows: Rows) -> F32:
    """Return each of COUNTERS of the rows. (n, 4)"""
    counted: F32 = _taken(rows, *[tables.counters[name] for name in COUNTERS])
    return counted


@njit(cache=True, nogil=True)
def _taken(rows: Rows, a: F32, b: F32, c: F32, d: F32) -> F32:
    out = np.empty((rows.size, 4), np.float32)
    for i in range(rows.size):
        row = rows[i]
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = a[row], b[row], c[row], d[row]
    return out


def _number(lookup: Inputs, field: str) -> Any:
    """float64, for epoch ms do not fit float32; NaN where the catalogue lacks the field."""
    place = lookup.ctx.snapshot.documents.rows.number_fields.get(field)
    return NAN if place is None else lookup.heads[0][place]


def _length(lookup: Inputs, field: str) -> Any:
    """Tokens of each row, 0 where the field is missing. (n,)"""
    return lookup.heads[1][lookup.ctx.snapshot.documents.rows.text_fields[field]]
