"""What is counted over all matches beside a page: facets, and the documents behind each group."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.arrays import Rows
from app.domain.query import Query
from app.pipeline.facets import Facet, facets_of
from app.pipeline.groups import Group, groups_of
from app.pipeline.matches import match_rows
from app.recall.channel import Recalls
from app.snapshot.context import SearchContext


@dataclass(frozen=True, slots=True)
class Counted:
    """Empty where nothing was to be counted."""

    facets: Mapping[str, Facet] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()  # one a result, where results stand for groups


NOTHING_COUNTED = Counted()


def counts_anything(query: Query) -> bool:
    """Tell whether a request asks for anything that is counted."""
    return bool(query.facets) or query.group_by is not None


async def count_all(
    ctx: SearchContext, channels: Sequence[Recalls], page: Rows
) -> tuple[Counted, int]:
    """Count what the request asks for, on a thread; return also how many match."""
    return await asyncio.to_thread(_count_matches, ctx, channels, page)


def _count_matches(
    ctx: SearchContext, channels: Sequence[Recalls], page: Rows
) -> tuple[Counted, int]:
    matching = match_rows(ctx, channels)
    return count_over(ctx, matching, page), int(matching.size)


def count_over(ctx: SearchContext, matching: Rows, page: Rows) -> Counted:
    """Count over matches that are known already."""
    group_by = ctx.query.group_by
    groups = () if group_by is None else groups_of(ctx, group_by, page, matching)
    return Counted(facets_of(ctx, matching), groups)
