"""From scores to a page."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F32, I64, Rows
from app.merge.union import falling
from app.pipeline.groups import best_of_groups
from app.snapshot.context import SearchContext


def pick_order(ctx: SearchContext, rows: Rows, scores: F32) -> I64:
    """Indices from the page that was asked for to the end; one a group, where groups were. (m,)"""
    offset, group_by = ctx.query.offset, ctx.query.group_by
    order = pick(rows, scores, 0, rows.size)
    if group_by is not None:
        order = order[best_of_groups(ctx, group_by, rows[order])]
    return order[offset:]


def pick(rows: Rows, scores: F32, offset: int, limit: int) -> I64:
    """Indices of the page, best first, ties by row so that a page is the same twice. (m,)"""
    return np.argsort(falling(scores, rows))[offset : offset + limit]
