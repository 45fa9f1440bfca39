"""Character n-grams of terms, hashed to buckets: how a term nobody trained on gets a vector.

An unknown term's vector is the mean of its buckets, a bucket's the mean of the terms that fall
into it. Where n-grams disagree the mean is short, so a guess weighs little beside known terms.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from app.domain.arrays import F32, I32

BUCKETS = 1 << 14
MAX_GRAMS = 24  # of one term; the tail of a long one says little


def grams(term: str) -> list[str]:
    """Return 3- and 4-grams of a Latin term with its edges marked, 1- and 2-grams of others.

    Numbers have none: 2019 and 2018 share characters, not meaning.
    """
    if not any(c.isalpha() for c in term):
        return []
    if term.isascii():
        marked, sizes = f"<{term}>", (3, 4)
    else:
        marked, sizes = term, (1, 2)
    return [marked[i : i + n] for n in sizes for i in range(len(marked) - n + 1)][:MAX_GRAMS]


def buckets(term: str) -> list[int]:
    """Return the bucket of each n-gram; the same in every process."""
    return [zlib.crc32(gram.encode()) % BUCKETS for gram in grams(term)]


def gram_matrix(terms: Sequence[str]) -> sparse.csr_array:
    """Return how often each bucket occurs in each term. (terms, BUCKETS) float32"""
    found = [buckets(term) for term in terms]
    offsets = np.zeros(len(found) + 1, np.int64)
    np.cumsum([len(f) for f in found], out=offsets[1:])
    columns: I32 = np.fromiter((b for f in found for b in f), np.int32, int(offsets[-1]))
    ones = np.ones(columns.size, np.float32)
    return sparse.csr_array((ones, columns, offsets), shape=(len(found), BUCKETS))


def mean_rows(matrix: sparse.csr_array, vectors: F32) -> F32:
    """Return the weighted mean of `vectors` under each row of `matrix`, zero where it is empty."""
    weights = np.asarray(matrix.sum(axis=1), np.float32).ravel()
    sums = np.asarray(matrix @ vectors, np.float32)
    return np.asarray(sums / np.where(weights > 0, weights, 1)[:, None], np.float32)
