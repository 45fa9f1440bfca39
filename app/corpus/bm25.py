"""BM25 as every part of the house computes it: the index, the match features, the overlay.

score(query, field)  = Σ over terms of idf · x / (k1 + x),  x = tf / (1 − b + b · length / average)
score(query, fields) = the same with x = Σ over fields of weight · tf / (1 − b + b · …)  (BM25F)

after Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with
Lucene's idf, which is never negative, and without the constant factor k1 + 1.
"""

from __future__ import annotations

import math

from numba import njit

K1 = 1.2
B = 0.75


@njit(cache=True, nogil=True)
def idf(df: int, rows: int) -> float:
    """ln(1 + (rows − df + ½) / (df + ½)): above 0 as long as df ≤ rows."""
    return math.log1p((rows - df + 0.5) / (df + 0.5))


@njit(cache=True, nogil=True)
def length_norm(length: float, average: float, b: float) -> float:
    """What tf is divided by: 1 for a field of average length, more for a longer one."""
    return 1.0 - b + b * length / average


@njit(cache=True, nogil=True)
def saturate(x: float, k1: float) -> float:
    """The share of a term's idf that a normalised tf earns: in [0, 1), ½ at x = k1."""
    return x / (k1 + x)
