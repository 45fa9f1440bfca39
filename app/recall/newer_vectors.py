"""Vectors of rows that came after the snapshot: which of them may be closer than a cosine.

On the AXES in which the catalogue's vectors reach farthest, q = (a, q') and v = (b, v'), and

    q · v ≤ a · b + |q'| |v'|        (Cauchy and Schwarz)

so that one cache line of a row tells that most are too far, and few have to be measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from app.domain.arrays import F32, I64
from app.recall.newer import allowed_rows
from app.recall.once import OncePerRow
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot

AXES = 15  # and one more number fill a cache line
SAMPLED = 4_096  # vectors that the axes are fitted to
ROUNDING = 1e-4  # of the query's length: bounds are added up in another order than cosines


@dataclass(frozen=True, slots=True)
class NewerVectors:
    """Rows behind the snapshot's own that have a vector, and what their bounds are made of."""

    axes: F32  # (dim, a) orthonormal
    once: OncePerRow  # of each row: its part on the axes, and the length of its rest; (a + 1,)
    vectors: F32  # (n, dim) of all rows of the view
    rows: I64  # (q,) ascending, alive
    told: F32  # (q, a + 1) what `once` has of them

    @classmethod
    def behind(cls, vectors: F32) -> Self:
        """Begin with no row behind these (n, dim)."""
        axes = main_axes(vectors[:: max(len(vectors) // SAMPLED, 1)])
        once = OncePerRow.after(len(vectors), (axes.shape[1] + 1,))
        return cls(axes, once, vectors, np.empty(0, np.int64), once.all)

    def follow(self, view: Snapshot, vectors: F32) -> Self:
        """Return the same of a view and its vectors, by row."""
        alive = np.empty(0, np.int32) if view.overlay is None else view.overlay.rows
        once = self.once.follow(len(view), lambda rows: told_of(vectors[rows], self.axes))
        told = once.of(alive)
        have_one = told.any(axis=1)
        rows = alive[have_one].astype(np.int64)
        return replace(self, once=once, vectors=vectors, rows=rows, told=told[have_one])

    def near(self, query: F32, ctx: SearchContext, floor: float) -> I64:
        """Return allowed rows, among which are all whose cosine is at least the floor."""
        asked = told_of(query[None], self.axes)[0]
        least = floor - ROUNDING * float(np.linalg.norm(asked))
        near: I64 = allowed_rows(self.rows[self.told @ asked >= least], ctx)
        return near


def main_axes(vectors: F32) -> F32:
    """Return the directions in which these reach farthest from 0, the farthest first. (dim, a)"""
    _, found = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(found[:, ::-1][:, :AXES], np.float32)


def told_of(vectors: F32, axes: F32) -> F32:
    """Return each vector's part on the axes, and the length of its rest. (n, a + 1)"""
    parts = vectors @ axes
    rest = np.linalg.norm(vectors - parts @ axes.T, axis=1)
    return np.concatenate([parts, rest[:, None]], axis=1)
