"""The way of a query. Read this file first.

recall (every channel at once) → merge (one candidate set) → rank (a model) → select (a page).
Whatever fails on the way is named in `degraded`; nothing is left out in silence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F32, I64, Rows
from app.domain.candidates import CandidateSet, ChannelHits, ChannelStatus
from app.domain.errors import NothingServes, ServerError
from app.merge.merger import Merger
from app.pipeline.browse import fill_from_mask
from app.pipeline.select import pick
from app.pipeline.totals import count_matches
from app.rank.ranker import Keep, KeepingRanker, Ranker, Ranking
from app.recall.fanout import Fanout
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


class Search:
    """The stages, wired for one snapshot, its tables and a ranker."""

    def __init__(self, fanout: Fanout, merger: Merger, max_candidates: int) -> None:
        self.fanout = fanout
        self.merger = merger
        self.max_candidates = max_candidates

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
        hits, candidates = await self.candidates(ctx, only, clock)
        ranking, release_id, trouble = await self.rank(ctx, candidates, ranker, keep)
        clock.lap("rank")
        scores = ranking.scores
        picked = pick(candidates.rows, scores, ctx.query.offset, ctx.query.limit)
        rows = candidates.rows[picked]
        total, relation = count_matches(ctx, hits, len(candidates))
        ids = tuple(ctx.snapshot.documents.ids.strings[int(r)] for r in rows)
        clock.lap("select")
        return SearchResult(
            rows, ids, scores[picked], candidates, picked, hits,
            (*ctx.missing, *(f"{h.channel}:{h.status}" for h in hits if h.is_missing), *trouble),
            total, relation, clock.timings_ms, release_id, ranking,
        )  # fmt: skip

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
        refuse_if_all_down(hits)
        candidates = self.merger.merge(hits, self.max_candidates)
        if not ctx.query.terms and ctx.mask is not None and ctx.query.filters is not None:
            candidates = fill_from_mask(candidates, ctx.mask, self.max_candidates)
        clock.lap("merge")
        return hits, candidates

    async def rank(
        self,
        ctx: SearchContext,
        candidates: CandidateSet,
        ranker: Ranker | None,
        keep: Keep | None = None,
    ) -> tuple[Ranking, str | None, tuple[str, ...]]:
        """Return scores, the release that gave them, and what went wrong."""
        fused = Ranking(candidates.fused)
        if ranker is None or not len(candidates):
            return fused, None if ranker is None else ctx.release_id, ()
        try:
            ranking = await _ask(ranker, ctx, candidates, keep)
        except TimeoutError:
            return fused, None, ("ranker:timed_out",)
        except ServerError as error:
            log.warning("%s; serving fused order: request %s", error, ctx.request_id)
            return fused, None, ("ranker:failed",)
        except Exception:
            log.exception("ranking failed, serving fused order: request %s", ctx.request_id)
            return fused, None, ("ranker:failed",)
        scores = ranking.scores
        if scores.shape != candidates.fused.shape or not np.isfinite(scores).all():
            log.error("ranker answered nonsense, serving fused order: request %s", ctx.request_id)
            return fused, None, ("ranker:failed",)
        return ranking, ctx.release_id, ()


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
