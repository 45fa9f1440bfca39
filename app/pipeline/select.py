"""From scores to a page."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F32, I64, Rows


def pick(rows: Rows, scores: F32, offset: int, limit: int) -> I64:
    """Indices of the page, best first, ties by row so that a page is the same twice. (m,)"""
    wanted = offset + limit
    if wanted >= rows.size:
        return np.lexsort((rows, -scores))[offset:wanted]
    threshold = np.partition(scores, rows.size - wanted)[rows.size - wanted]
    near: I64 = np.flatnonzero(scores >= threshold)
    return near[np.lexsort((rows[near], -scores[near]))][offset:wanted]
