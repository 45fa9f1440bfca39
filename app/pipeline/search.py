"""The way of a query. Read this file first.

recall (every channel at once) → merge (one candidate set) → rank (a model) → select (a page).
Whatever fails on the way is named in `degraded`; nothing is left out in silence.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np

from app.domain.arrays import F32, I64, Rows, no_rows, no_scores
from app.domain.candidates import CandidateSet, ChannelHits, ChannelStatus
from app.domain.errors import NothingServes, ServerError
from app.merge.merger import Merger
from app.pipeline.browse import fill_from_mask, with_rows
from app.pipeline.counted import NOTHING_COUNTED, Counted, count_all, counts_anything
from app.pipeline.listed import as_candidates, list_matches
from app.pipeline.select import AS_RANKED, Selection, select
from app.pipeline.totals import count_matches
from app.rank.local import LocalRanker
from app.rank.ranker import Keep, KeepingRanker, Ranker, Ranking
from app.rank.remote import RemoteRanker
from app.rank.sound import are_numbers
from app.recall.channel import Recalls
from app.recall.crew import Berth
from app.recall.fanout import Fanout, Hits, Then
from app.snapshot.context import SearchContext

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page and everything it was chosen from; m results of n candidates."""

    rows: Rows  # (m,)
    ids: tuple[str, ...]  # (m,)
    scores: F32  # (m,) the model's, or fused where no model ranked
    candidates: CandidateSet  # (n,)
    picked: I64  # (m,) place of each result among the candidates
    hits: tuple[ChannelHits, ...]  # one a channel, in configuration order
    degraded: tuple[str, ...]  # e.g. ("vector:timed_out", "ranker:failed"); empty ⇔ whole
    total: int  # documents matching query and filters
    total_relation: str  # "eq", or "gte" where the counting channel was missing
    timings_ms: Mapping[str, float]  # recall, merge, rank, select
    release_id: str | None  # None: fused order
    ranking: Ranking  # of all n candidates
    counted: Counted = NOTHING_COUNTED
    behind: Rows = field(default_factory=no_rows)  # what comes after the page, in its order
    behind_scores: F32 = field(default_factory=no_scores)
    moved: Mapping[int, str] = field(default_factory=dict)  # candidate → the rule that moved it
    drawn: Mapping[int, float] = field(default_factory=dict)  # candidate → chance of being shown


OurRanker: TypeAlias = LocalRanker | RemoteRanker
"""Rankers that work, or wait, on the thread that asks them."""

Ranked: TypeAlias = tuple[Ranking, str | None, tuple[str, ...]]
"""Scores, the release that gave them, and what went wrong."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a page is chosen from."""

    candidates: CandidateSet
    ranking: Ranking
    release_id: str | None
    trouble: tuple[str, ...]


class Search:
    """The stages, wired for one snapshot, its tables and a ranker."""

    def __init__(
        self,
        fanout: Fanout,
        merger: Merger,
        max_candidates: int,
        selection: Selection = AS_RANKED,
    ) -> None:
        self.fanout = fanout
        self.merger = merger
        self.max_candidates = max_candidates
        self.selection = selection

    async def run(
        self,
        ctx: SearchContext,
        ranker: Ranker | None,
        only: Collection[str] | None = None,
        keep: Keep | None = None,
    ) -> SearchResult:
        """Answer one query; `only` names the channels to ask, None asks all.

        `keep` says whose features the ranking shall hold.
        """
        clock = _StageClock()
        if ctx.query.sort:
            return await self._listed(ctx, clock)
        hits, found = await self._found(ctx, ranker, only, keep, clock)
        candidates, scores = found.candidates, found.ranking.scores
        chosen = select(ctx, candidates.rows, scores, self.selection)
        order = chosen.order[ctx.query.offset :]
        picked, behind = order[: ctx.query.limit], order[ctx.query.limit :]
        rows = candidates.rows[picked]
        total, relation = count_matches(ctx, hits, len(candidates))
        counted = NOTHING_COUNTED
        if counts_anything(ctx.query):
            counted, total = await count_all(ctx, self.channels, rows)
            relation = "eq"
        ids = ctx.snapshot.documents.ids.strings.of(rows)
        clock.lap("select")
        return SearchResult(
            rows, ids, scores[picked], candidates, picked, hits,
            (
                *ctx.missing, *(f"{h.channel}:{h.status}" for h in hits if h.is_missing),
                *found.trouble,
            ),
            total, relation, clock.timings_ms, found.release_id, found.ranking, counted,
            candidates.rows[behind], scores[behind], chosen.moved, chosen.drawn,
        )  # fmt: skip

    async def _listed(self, ctx: SearchContext, clock: _StageClock) -> SearchResult:
        """Sort all matches; no channel is asked."""
        rows, behind, counted, total = await asyncio.to_thread(
            list_matches, ctx, self.channels, self.max_candidates
        )
        hits = tuple(
            ChannelHits.nothing(name, ChannelStatus.SKIPPED) for name in self.fanout.channels
        )
        candidates = as_candidates(rows)
        ids = ctx.snapshot.documents.ids.strings.of(rows)
        clock.lap("select")
        return SearchResult(
            rows, ids, candidates.fused, candidates, np.arange(rows.size), hits, (), total, "eq",
            clock.timings_ms, None, Ranking(candidates.fused), counted,
            behind, np.zeros(behind.size, np.float32),
        )  # fmt: skip

    @property
    def channels(self) -> list[Recalls]:
        return [lane.channel for lane in self.fanout.lanes]

    async def _found(
        self,
        ctx: SearchContext,
        ranker: Ranker | None,
        only: Collection[str] | None,
        keep: Keep | None,
        clock: _StageClock,
    ) -> tuple[Hits, _Found]:
        """Recall, merge and rank: all on the last channel's thread, where the ranker has places."""
        if not isinstance(ranker, OurRanker) or not isinstance(ranker.threads, Berth):
            hits, candidates = await self.candidates(ctx, only, clock)
            ranking = await self.rank(ctx, candidates, ranker, keep)
            clock.lap("rank")
            return hits, _Found(candidates, *ranking)
        then: Then[_Found | None] = Then(
            partial(self._rank_here, ctx, ranker, keep, clock), ranker.threads
        )
        hits, found = await self.fanout.run(ctx, only, then)
        if found is not None:
            return hits, found
        candidates = self._merge(ctx, hits)
        return hits, _Found(candidates, Ranking(candidates.fused), None, ("ranker:timed_out",))

    def _rank_here(
        self, ctx: SearchContext, ranker: OurRanker, keep: Keep | None, clock: _StageClock,
        hits: Hits,
    ) -> _Found:  # fmt: skip
        clock.lap("recall")
        candidates = self._merge(ctx, hits)
        clock.lap("merge")
        if not len(candidates):
            return _Found(candidates, Ranking(candidates.fused), ctx.release_id, ())
        try:
            ranking = ranker.ranking(ctx, candidates, keep)
            found = _checked(ctx, candidates, ranking if keep else Ranking(ranking.scores))
        except Exception as error:
            found = _fused(ctx, candidates, error)
        clock.lap("rank")
        return _Found(candidates, *found)

    async def candidates(
        self,
        ctx: SearchContext,
        only: Collection[str] | None = None,
        clock: _StageClock | None = None,
    ) -> tuple[tuple[ChannelHits, ...], CandidateSet]:
        """Recall and merge: what ranking chooses from. Training replays exactly this."""
        clock = clock or _StageClock()
        hits = await self.fanout.recall(ctx, only)
        clock.lap("recall")
        candidates = self._merge(ctx, hits)
        clock.lap("merge")
        return hits, candidates

    def _merge(self, ctx: SearchContext, hits: Hits) -> CandidateSet:
        refuse_if_all_down(hits)
        candidates = self.merger.merge(hits, self.max_candidates)
        pinned = self.selection.rules.pinned_rows(ctx)
        if pinned.size:
            candidates = with_rows(candidates, pinned, self.max_candidates)
        if not ctx.query.terms and ctx.mask is not None and ctx.query.filters is not None:
            return fill_from_mask(candidates, ctx.mask, self.max_candidates)
        return candidates

    async def rank(
        self,
        ctx: SearchContext,
        candidates: CandidateSet,
        ranker: Ranker | None,
        keep: Keep | None = None,
    ) -> Ranked:
        """Return scores, the release that gave them, and what went wrong."""
        if ranker is None or not len(candidates):
            return Ranking(candidates.fused), None if ranker is None else ctx.release_id, ()
        try:
            return _checked(ctx, candidates, await _ask(ranker, ctx, candidates, keep))
        except Exception as error:
            return _fused(ctx, candidates, error)


def _checked(ctx: SearchContext, candidates: CandidateSet, ranking: Ranking) -> Ranked:
    """Take a ranker's answer, unless it is nonsense."""
    scores = ranking.scores
    if scores.shape != candidates.fused.shape or not are_numbers(scores, False):
        log.error("ranker answered nonsense, serving fused order: request %s", ctx.request_id)
        return Ranking(candidates.fused), None, ("ranker:failed",)
    return ranking, ctx.release_id, ()


def _fused(ctx: SearchContext, candidates: CandidateSet, error: Exception) -> Ranked:
    """Serve fused order instead, and say why."""
    if isinstance(error, TimeoutError):
        return Ranking(candidates.fused), None, ("ranker:timed_out",)
    if isinstance(error, ServerError):
        log.warning("%s; serving fused order: request %s", error, ctx.request_id)
    else:
        log.error("ranking failed, serving fused order: request %s", ctx.request_id, exc_info=error)
    return Ranking(candidates.fused), None, ("ranker:failed",)


async def _ask(
    ranker: Ranker, ctx: SearchContext, candidates: CandidateSet, keep: Keep | None
) -> Ranking:
    if keep is not None and isinstance(ranker, KeepingRanker):
        return await ranker.rank_keeping(ctx, candidates, keep)
    return Ranking(await ranker.rank(ctx, candidates))


def refuse_if_all_down(hits: Sequence[ChannelHits]) -> None:
    """An empty page would be a lie when no channel could answer."""
    down = [h for h in hits if h.is_missing]
    if down and not any(h.status == ChannelStatus.OK for h in hits):
        names = ", ".join(f"{h.channel} {h.status}" for h in down)
        raise NothingServes(f"every channel is down ({names}); retry, and see the log")


class _StageClock:
    """Milliseconds of each stage, measured end to start."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.timings_ms[stage] = (now - self._last) * 1e3
        self._last = now
