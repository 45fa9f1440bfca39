"""What each recall channel is worth: what only it finds, what is lost without it, what it costs.

Each query is recalled once. Without a channel means: the same hits merged without its own, ranked
again; so the answers differ by that channel alone, and are compared query by query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.arrays import Rows
from app.domain.candidates import ChannelHits, ChannelStatus
from app.merge.merger import Merger
from app.offline.confidence import Interval
from app.offline.evaluate import Comparison
from app.offline.judged import Judged
from app.offline.metrics import evaluate
from app.offline.replay import Replay
from app.offline.timeline import Timeline
from app.pipeline.select import best_first
from app.rank.ranker import Ranker
from app.recall.fanout import Hits
from app.settings import Settings
from app.snapshot.context import SearchContext
from app.wiring import make_merger

RECALL, NDCG = "R@100", "nDCG@10"
METRICS = (NDCG, RECALL)
DEPTH = 100
FACTORS = (0.0, 0.5, 2.0)
"""Of its weight in the merge, tried one channel at a time."""
FIRST_WEIGHT = 0.02  # tried for a channel that only adds candidates
ALL, FUSED = "all", "fused"
SEED = 7


@dataclass(slots=True)
class Tally:
    """One channel over all queries."""

    asked: int = 0  # queries that it could answer
    failed: int = 0
    hits: int = 0  # rows it returned
    alone: int = 0  # rows that no other channel returned
    depths: list[int] = field(default_factory=list)  # its rank of each relevant document, from 1
    depths_alone: list[int] = field(default_factory=list)  # of those that only it returned
    took_ms: list[float] = field(default_factory=list)

    def add(self, hits: ChannelHits, alone: Rows, relevant: Rows) -> None:
        """Count one query. `alone` and `relevant` are rows of the whole query, each once."""
        if hits.status is ChannelStatus.SKIPPED:
            return
        self.asked += 1
        self.failed += hits.status is not ChannelStatus.OK
        self.took_ms.append(hits.elapsed_ms)
        is_alone, is_relevant = np.isin(hits.rows, alone), np.isin(hits.rows, relevant)
        self.hits += hits.rows.size
        self.alone += int(is_alone.sum())
        self.depths += (np.flatnonzero(is_relevant) + 1).tolist()
        self.depths_alone += (np.flatnonzero(is_relevant & is_alone) + 1).tolist()

    def ms(self, quantile: float) -> float:
        """Time of a call, NaN where there was none."""
        return float(np.quantile(self.took_ms, quantile)) if self.took_ms else float("nan")


@dataclass(frozen=True, slots=True)
class Worth:
    """All channels on the same queries."""

    tallies: Mapping[str, Tally]
    relevant: int  # documents with a grade above 0 that are in the snapshot, over all queries
    found: int  # of which any channel returned
    left_out: int  # queries without words or without a relevant document
    comparison: Comparison  # ALL, "without C", FUSED and "C × weight"
    weights: Mapping[str, tuple[float, ...]]  # tried beside the one that is set

    def adds(self, channel: str, metric: str) -> Interval:
        """All channels less all but this one, paired."""
        return self.comparison.against(without(channel), ALL, metric)

    def weighed(self, channel: str, weight: float) -> Interval:
        """What another weight in the merge changes in fused order: nDCG@10, paired."""
        return self.comparison.against(FUSED, with_weight(channel, weight), NDCG)


def without(channel: str) -> str:
    return f"without {channel}"


def with_weight(channel: str, weight: float) -> str:
    return f"{channel} × {weight:g}"


def measure_channels(
    judged: Sequence[Judged],
    timeline: Timeline,
    ranker: Ranker | None,
    advance: Callable[[int], object] = lambda _: None,
) -> Worth:
    """Answer every query with all channels, without each, and with other weights."""
    names, mergers = timeline.channels, mergers_of(timeline.settings, timeline.channels)
    found = _Found({name: Tally() for name in names})
    for replay, block in timeline.replays(judged):
        for i, one in enumerate(block):
            ctx = replay.context(one.request, one.now_ms)
            if i == 0:
                replay.hits(ctx)  # else the first call is timed while it is compiled
            if ctx.query.terms and one.is_useful:
                hits = replay.hits(ctx)
                found.count(ctx, hits, one)
                found.order(one.qid, answers(replay, ctx, hits, ranker, mergers))
            advance(1)
    qrels = {one.qid: one.grades for one in judged if one.qid in found.runs.get(ALL, {})}
    scored = {name: evaluate(run, qrels, METRICS) for name, run in found.runs.items()}
    left_out = len(judged) - len(qrels)
    weights = {name: tuple(mergers[name]) for name in names}
    comparison = Comparison(scored, METRICS, SEED)
    return Worth(found.tallies, found.relevant, found.of_any, left_out, comparison, weights)


Mergers = Mapping[str, Mapping[float, Merger]]
"""Channel → weight → a merger that differs from the configured one by that weight alone."""


def mergers_of(settings: Settings, names: Sequence[str]) -> Mergers:
    made: dict[str, dict[float, Merger]] = {}
    for name in names:
        weight = settings.channels[name].weight
        tried = [weight * f for f in FACTORS] if weight else [FIRST_WEIGHT]
        made[name] = {w: make_merger(_reweighed(settings, name, w)) for w in tried}
    return made


def answers(
    replay: Replay, ctx: SearchContext, hits: Hits, ranker: Ranker | None, mergers: Mergers
) -> dict[str, list[str]]:
    """Order what was recalled in every way. Variant → document ids, best first."""
    search = replay.serving.search
    most, merger = search.max_candidates, search.merger

    def ordered(merger: Merger, hits: Sequence[ChannelHits], by: Ranker | None) -> list[str]:
        candidates = merger.merge(hits, most)
        scores = replay.score(ctx, candidates, by)
        rows = candidates.rows[best_first(scores)[:DEPTH]]
        return [ctx.snapshot.documents.ids.strings[int(row)] for row in rows]

    whole, fused = ordered(merger, hits, ranker), ordered(merger, hits, None)
    made = {ALL: whole, FUSED: fused}
    for one in hits:
        name, found = one.channel, bool(one.rows.size)  # else nothing changes without it
        rest = [h for h in hits if h.channel != name]
        made[without(name)] = ordered(merger, rest, ranker) if found else whole
        for weight, other in mergers[name].items():
            made[with_weight(name, weight)] = ordered(other, hits, None) if found else fused
    return made


class _Found:
    """What is put together query by query."""

    def __init__(self, tallies: dict[str, Tally]) -> None:
        self.tallies = tallies
        self.runs: dict[str, dict[str, list[str]]] = {}
        self.relevant = self.of_any = 0

    def count(self, ctx: SearchContext, hits: Hits, one: Judged) -> None:
        good = [id_ for id_, grade in one.grades.items() if grade > 0]
        relevant = ctx.snapshot.documents.ids.find_all(good)
        relevant = np.unique(relevant[relevant >= 0])
        rows, times = np.unique(np.concatenate([h.rows for h in hits]), return_counts=True)
        self.relevant += relevant.size
        self.of_any += int(np.isin(relevant, rows).sum())
        for h in hits:
            self.tallies[h.channel].add(h, rows[times == 1], relevant)

    def order(self, qid: str, made: Mapping[str, list[str]]) -> None:
        for variant, ids in made.items():
            self.runs.setdefault(variant, {})[qid] = ids


def _reweighed(settings: Settings, name: str, weight: float) -> Settings:
    channel = settings.channels[name].model_copy(update={"weight": weight})
    return settings.model_copy(update={"channels": {**settings.channels, name: channel}})
