"""The whole match set of a query: what facets count, groups number and sorting orders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.corpus.masks import rows_in
from app.domain.arrays import Bools, Rows
from app.recall.channel import Recalls, knows_all_matches
from app.snapshot.context import SearchContext


def match_set(ctx: SearchContext, channels: Sequence[Recalls]) -> Bools:
    """Tell which rows match words and filters; without words, which the filters allow. (n,)"""
    if ctx.query.terms:
        for channel in channels:
            if knows_all_matches(channel):
                return channel.matching(ctx)
    if ctx.mask is not None:
        return ctx.mask.allowed
    return np.ones(len(ctx.snapshot), np.bool_)


def has_match(ctx: SearchContext, channels: Sequence[Recalls]) -> bool:
    """Tell whether any row is in it; True where none of the channels that are asked could tell."""
    if not ctx.query.terms:
        return ctx.mask is None or ctx.mask.count > 0
    return all(c.has_match(ctx) for c in channels if knows_all_matches(c))


def match_rows(ctx: SearchContext, channels: Sequence[Recalls]) -> Rows:
    """Return the same as rows, ascending."""
    return rows_in(match_set(ctx, channels))
