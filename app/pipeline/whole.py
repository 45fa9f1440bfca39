"""A search from its first result to its last, whatever page was asked for: what is explained."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from app.domain.arrays import F32, Rows
from app.merge.merger import Merger
from app.pipeline.rules import Rules
from app.pipeline.search import Search, SearchResult
from app.pipeline.serving import Framed
from app.recall.channel import Recalls
from app.recall.fanout import Fanout
from app.snapshot.context import SearchContext


@dataclass(frozen=True, slots=True)
class Whole:
    """One search with its whole final order."""

    ctx: SearchContext
    fanout: Fanout
    merger: Merger
    result: SearchResult  # of a page that begins at the first result
    order: Rows  # (n,) final: rules, groups and all
    scores: F32  # (n,) aligned
    rules: Rules
    end: int  # rank of the last result of the page that was asked for

    @property
    def channels(self) -> list[Recalls]:
        return [lane.channel for lane in self.fanout.lanes]

    def rank_of(self, row: int) -> int | None:
        """Return the row's place in the final order from 1, None where it is not in it."""
        at = np.flatnonzero(self.order == row)
        return int(at[0]) + 1 if at.size else None

    def place_of(self, row: int) -> int | None:
        """Return the row's index among the candidates, None where it is none."""
        at = np.flatnonzero(self.result.candidates.rows == row)
        return int(at[0]) if at.size else None


async def run_whole(framed: Framed, only: Collection[str] | None) -> Whole:
    """Answer the search without exploration, which draws by request: this is another one.

    Raises as `Search.run` does.
    """
    query, search = framed.ctx.query, _unexplored(framed.serving.search)
    end = query.offset + query.limit
    limit = end if query.sort else query.limit  # a sorted list ends some way behind its page
    asked = replace(query, offset=0, limit=limit, facets=(), highlights=())
    ctx = replace(framed.ctx, query=asked)
    result = await search.run(ctx, framed.by.ranker, only)
    return Whole(
        ctx, search.fanout, search.merger, result,
        np.concatenate([result.rows, result.behind]),
        np.concatenate([result.scores, result.behind_scores]),
        search.selection.rules, end,
    )  # fmt: skip


def _unexplored(search: Search) -> Search:
    selection = replace(search.selection, exploration=None)
    return Search(search.fanout, search.merger, search.max_candidates, selection)
