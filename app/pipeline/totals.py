"""How many documents match, said only as firmly as it is known."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.candidates import ChannelHits
from app.snapshot.context import SearchContext


def count_matches(
    ctx: SearchContext, hits: Sequence[ChannelHits], candidates: int
) -> tuple[int, str]:
    """Return the count and "eq", or the number of candidates and "gte" if nobody counted."""
    if not ctx.query.terms:
        return (ctx.mask.count if ctx.mask is not None else len(ctx.snapshot)), "eq"
    counted = [h.total for h in hits if h.total is not None]
    return (max(counted), "eq") if counted else (candidates, "gte")
