"""Vectors learned from behaviour: what those who acted on this, or typed this, go on to choose.

embeddings/sources.npy  (ordinals, dim) float32: where one goes from a document
embeddings/targets.npy  (ordinals, dim): what one comes to; the only ones that are searched
embeddings/queries.npy  (q, dim), one for each text of the query memory
embeddings/terms.npy    (t, dim), one for each text of the term memory

A source, query or term is compared with targets alone, by cosine. Rows are of unit length, or NaN
where too little was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numba import njit

from app.corpus.ragged import open_array, save_array
from app.domain.arrays import F32, I32

FOLDER = "embeddings"


@dataclass(frozen=True, slots=True)
class Embeddings:
    sources: F32
    targets: F32
    queries: F32
    terms: F32

    def save(self, tables: Path) -> None:
        """Write the files named on top of this module under the directory of the tables."""
        (tables / FOLDER).mkdir()
        for one in fields(self):
            save_array(tables / FOLDER / one.name, getattr(self, one.name))

    @classmethod
    def open(cls, tables: Path) -> Embeddings | None:
        """Return None where the tables were built without."""
        if not (tables / FOLDER).is_dir():
            return None
        return cls(*(open_array(tables / FOLDER / one.name) for one in fields(cls)))


@njit(cache=True, nogil=True)
def cosines(targets: F32, ordinals: I32, vector: F32) -> F32:
    """Return each target's cosine with a unit vector; NaN for ordinal −1 and unknown ones. (n,)

    Each row has its own sum in its own order, so that its bits depend on no other row; four go
    side by side because one sum waits for itself.
    """
    out, n = np.empty(ordinals.size, np.float32), ordinals.size
    for i in range(0, n, 4):
        p, q = max(ordinals[i], 0), max(ordinals[min(i + 1, n - 1)], 0)
        r, s = max(ordinals[min(i + 2, n - 1)], 0), max(ordinals[min(i + 3, n - 1)], 0)
        a = b = c = d = np.float32(0)
        for j in range(vector.size if targets.shape[0] else 0):
            a += targets[p, j] * vector[j]
            b += targets[q, j] * vector[j]
            c += targets[r, j] * vector[j]
            d += targets[s, j] * vector[j]
        sums = (a, b, c, d)
        for k in range(min(4, n - i)):
            out[i + k] = sums[k] if ordinals[i + k] >= 0 else np.float32(np.nan)
    return out


@njit(cache=True, nogil=True)
def mean_direction(vectors: F32, places: I32, weights: F32) -> F32:
    """Return the unit vector of Σ weight · row over known rows, empty where there is none. (dim,)

    A place of −1 is skipped, as is a row of NaN.
    """
    total, known = np.zeros(vectors.shape[1], np.float64), 0
    for i in range(places.size):
        if places[i] >= 0 and not math.isnan(vectors[places[i], 0]):
            known += 1
            for j in range(total.size):
                total[j] += np.float64(weights[i]) * np.float64(vectors[places[i], j])
    length = 0.0
    for x in total:
        length += x * x
    if known == 0 or length == 0.0:
        return np.empty(0, np.float32)
    return (total / math.sqrt(length)).astype(np.float32)
