"""The best k of scored rows, exactly: by score, and equal scores by row."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F32, Rows


def top_rows(rows: Rows, scores: F32, k: int) -> tuple[Rows, F32]:
    """Return the best k (all, if fewer) by (−score, row). Rows must be unique, scores no NaN."""
    if rows.size > max(4 * k, 1024):  # a partition first, with every tie of the k-th kept
        least = np.partition(scores, rows.size - k)[rows.size - k]
        kept = scores >= least
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]
