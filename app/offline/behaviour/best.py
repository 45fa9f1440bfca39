"""The best few columns of each row, as a ragged list: what every table ends in."""

from __future__ import annotations

import numpy as np

from app.corpus.ragged import Ragged
from app.domain.arrays import F64, I32, I64, Array
from app.snapshot.tables import Neighbours


def summed(rows: Array, columns: I32, weights: F64) -> tuple[I64, I32, F64]:
    """Add up the weights of equal (row, column). Additions run in the order given.

    Returns rows, columns and sums, ordered by (row, column).
    """
    width = int(columns.max(initial=0)) + 1
    pairs, slot = np.unique(rows.astype(np.int64) * width + columns, return_inverse=True)
    sums = np.bincount(slot, weights, minlength=pairs.size).astype(np.float64)
    return pairs // width, (pairs % width).astype(np.int32), sums


def best(rows: I64, columns: I32, scores: F64, n_rows: int, keep: int) -> Neighbours:
    """Keep the `keep` best of each row, best first, equal scores by column."""
    rounded = scores.astype(np.float32)
    order = np.lexsort((columns, -rounded, rows))
    starts = np.searchsorted(rows[order], np.arange(n_rows + 1))
    rank = np.arange(order.size) - starts[rows[order]]
    order = order[rank < keep]
    offsets = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.minimum(np.diff(starts), keep), out=offsets[1:])
    return Neighbours(Ragged(offsets, columns[order]), rounded[order])
