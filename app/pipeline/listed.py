"""A list sorted by fields: no channel is asked and no model ranks, the order is exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.arrays import Rows
from app.domain.candidates import CandidateSet
from app.pipeline.counted import Counted, count_over
from app.pipeline.groups import best_of_groups
from app.pipeline.matches import match_rows
from app.pipeline.ordering import sorted_rows
from app.recall.channel import Recalls
from app.snapshot.context import SearchContext


def list_matches(
    ctx: SearchContext, channels: Sequence[Recalls], spare: int
) -> tuple[Rows, Rows, Counted, int]:
    """Return the page in the order asked for, up to `spare` rows behind it, what was counted, and
    how many match. Blocking.
    """
    matching = match_rows(ctx, channels)
    query = ctx.query
    end = query.offset + query.limit
    if query.group_by is None:
        ordered = sorted_rows(ctx, matching, end + spare)
    else:
        ordered = sorted_rows(ctx, matching, matching.size)
        ordered = ordered[best_of_groups(ctx, query.group_by, ordered)][: end + spare]
    page, behind = ordered[query.offset : end], ordered[end:]
    return page, behind, count_over(ctx, matching, page), int(matching.size)


def as_candidates(rows: Rows) -> CandidateSet:
    """Return rows that no channel brought, in their order."""
    m = rows.size
    return CandidateSet(
        rows, np.zeros(m, np.float32), (), np.empty((m, 0), np.float32), np.empty((m, 0), np.int16)
    )
