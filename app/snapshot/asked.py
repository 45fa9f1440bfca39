"""Which rows have what a query asks for by name or number, and where the place lies that it names.

Understanding, recall and features ask alike.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, I32, I64, Bools, Rows
from app.domain.filters import Range
from app.domain.query import GeoPoint
from app.domain.reading import Mention, Reading


def holds(documents: Documents, mention: Mention, rows: Rows) -> Bools:
    """Tell which rows hold the named value in one of the fields that know it. (m,)"""
    out = np.zeros(rows.size, np.bool_)
    for field, code in mention.options:
        codes = documents.keywords[field].codes
        _mark(codes.offsets, codes.values, rows, code, out)
    return out


@njit(cache=True, nogil=True)
def _mark(offsets: I64, values: I32, rows: Rows, code: int, out: Bools) -> None:
    for i in range(rows.size):
        for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
            if values[at] == code:
                out[i] = True


def named_place(documents: Documents, reading: Reading) -> GeoPoint | None:
    """Return where the document lies that the query names a place by; None where nobody knows."""
    if reading.near_row is None or not documents.has_places:
        return None
    lat, lon = (float(documents.numbers[name][reading.near_row]) for name in ("lat", "lon"))
    return GeoPoint(lat, lon) if math.isfinite(lat) and math.isfinite(lon) else None


def keeps(values: F64, bounds: Range) -> Bools:
    """Tell which values lie inside the bounds; a missing one does not. (m,)"""
    inside: Bools = (values >= bounds.lower) & (values <= bounds.upper)
    return inside


def outside(values: F64, bounds: Range) -> F32:
    """Return how far each value lies outside, as a share of the nearer bound; NaN if missing."""
    off: F32 = _outside(values, bounds.lower, bounds.upper)
    return off


@njit(cache=True, nogil=True)
def _outside(values: F64, lower: float, upper: float) -> F32:
    off = np.zeros(values.size, np.float32)
    for i in range(values.size):
        if values[i] < lower:
            off[i] = (lower - values[i]) / max(abs(lower), 1.0)
        elif values[i] > upper:
            off[i] = (values[i] - upper) / max(abs(upper), 1.0)
        elif values[i] != values[i]:
            off[i] = np.nan
    return off
