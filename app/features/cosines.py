"""The cosine of the query's vector and each candidate's, and the best of them, in one call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, Rows

LINE = 16  # float32 in a cache line


class Cosines(NamedTuple):
    of: F32  # (n,)
    best: float  # NaN where there is none


def cosines_of(vectors: F32, rows: Rows, vector: F32) -> Cosines:
    return Cosines(*_cosines(vectors, rows, vector))


@njit(cache=True, nogil=True)
def _cosines(vectors: F32, rows: Rows, vector: F32) -> tuple[F32, float]:
    found = dot_rows(vectors, rows, vector)
    return found, np.float64(highest(found))


@njit(cache=True, nogil=True)
def highest(values: F32) -> np.float32:
    """Return the highest of what is known; NaN when nothing is."""
    best = np.float32(np.nan)
    for value in values:
        best = value if value > best or np.isnan(best) else best
    return best


@njit(cache=True, nogil=True)
def dot_rows(vectors: F32, rows: Rows, vector: F32) -> F32:
    """Dot product of each row, alone: a BLAS block product gives other bits for other blocks.

    Eight rows go side by side, each with its own sum in the same order: one sum waits for itself,
    and one row for its memory. Before that all are touched, as in row_pass.
    """
    out, touched = np.empty(rows.size, np.float32), np.float32(0.0)
    for i in range(rows.size):
        for j in range(0, vector.size, LINE):
            touched = max(touched, vectors[rows[i], j])
    if touched == np.inf:  # never, but so the compiler keeps the touching
        return out
    whole = rows.size - rows.size % 8
    for i in range(0, whole, 8):
        a = b = c = d = e = f = g = h = np.float32(0.0)
        p, q, r, s = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        t, u, v, w = rows[i + 4], rows[i + 5], rows[i + 6], rows[i + 7]
        for j in range(vector.size):
            x = vector[j]
            a += vectors[p, j] * x
            b += vectors[q, j] * x
            c += vectors[r, j] * x
            d += vectors[s, j] * x
            e += vectors[t, j] * x
            f += vectors[u, j] * x
            g += vectors[v, j] * x
            h += vectors[w, j] * x
        out[i], out[i + 1], out[i + 2], out[i + 3] = a, b, c, d
        out[i + 4], out[i + 5], out[i + 6], out[i + 7] = e, f, g, h
    for i in range(whole, rows.size):
        a = np.float32(0.0)
        for j in range(vector.size):
            a += vectors[rows[i], j] * vector[j]
        out[i] = a
    return out
