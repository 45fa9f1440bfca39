"""Evaluate the whole pipeline on judged queries, as variants of one another, query by query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.domain.arrays import F32, F64, Bools
from app.domain.candidates import CandidateSet
from app.offline.confidence import Interval, difference_interval, mean_interval
from app.offline.judged import Judged
from app.offline.metrics import Evaluation, evaluate
from app.offline.replay import Replay
from app.offline.timeline import Timeline
from app.pipeline.select import best_first
from app.rank.ranker import Ranker
from app.snapshot.context import SearchContext

DEPTH = 100


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer."""

    name: str
    ranker: Ranker | None = None  # None: fused order
    channels: tuple[str, ...] | None = None  # None asks all


@dataclass(frozen=True, slots=True)
class Answered:
    """One query, answered in every variant."""

    judged: Judged
    ctx: SearchContext
    orders: Mapping[str, tuple[CandidateSet, F32]]  # variant → candidates (n,) and scores (n,)

    def ids(self, variant: str, depth: int) -> list[str]:
        """Document ids, best first."""
        candidates, scores = self.orders[variant]
        rows = candidates.rows[best_first(scores)[:depth]]
        strings = self.ctx.snapshot.documents.ids.strings
        return [strings[int(row)] for row in rows]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Variants measured on the same queries."""

    evaluations: Mapping[str, Evaluation]
    metrics: tuple[str, ...]
    seed: int
    weights: F64 | None = None  # (q,) of each query; None: all alike
    counted: Mapping[str, Bools] = field(default_factory=dict)
    """Variant → (q,) queries that it may be judged by, where those are not all."""

    @property
    def qids(self) -> tuple[str, ...]:
        return next(iter(self.evaluations.values())).qids

    @property
    def queries(self) -> int:
        return len(self.qids)

    def places(self, variant: str, among: Bools | None = None) -> Bools:
        """Which queries count for this variant (among some). (q,)"""
        everywhere = np.ones(self.queries, np.bool_)
        counted = self.counted.get(variant, everywhere)
        return counted if among is None else counted & among

    def interval(self, variant: str, metric: str, among: Bools | None = None) -> Interval:
        """Weighted mean over the queries that count."""
        at = self.places(variant, among)
        weights = None if self.weights is None else self.weights[at]
        values = self.evaluations[variant].values[metric][at]
        return mean_interval(values, self.seed, weights=weights)

    def against(
        self,
        baseline: str,
        variant: str = "ranked",
        metric: str | None = None,
        among: Bools | None = None,
    ) -> Interval:
        """Paired interval of variant − baseline, on the first metric unless named."""
        name = metric or self.metrics[0]
        at = self.places(baseline, among) & self.places(variant)
        ours, theirs = (self.evaluations[v].values[name][at] for v in (variant, baseline))
        weights = None if self.weights is None else self.weights[at]
        return difference_interval(ours, theirs, self.seed, weights=weights)

    def without(self, variants: Sequence[str]) -> Comparison:
        """The same, some variants left out."""
        kept = {v: e for v, e in self.evaluations.items() if v not in variants}
        return replace(self, evaluations=kept)

    def to_json(self) -> dict[str, dict[str, list[float]]]:
        """Map variant → metric → [mean, low, high]."""
        return {
            v: {m: [round(x, 4) for x in _ends(self.interval(v, m))] for m in self.metrics}
            for v in self.evaluations
        }


def measure(
    judged: Sequence[Judged],
    timeline: Timeline,
    variants: Sequence[Variant],
    metrics: tuple[str, ...],
    seed: int,
    advance: Callable[[int], object] = lambda _: None,
    depth: int = DEPTH,
    weights: Mapping[str, float] | None = None,
    watch: Callable[[Answered], object] = lambda _: None,
) -> Comparison:
    """Answer every query in every variant, `depth` documents each, and score the answers.

    `weights`: qid → positive weight, 1 where there is none; see offline.weights. `watch` is shown
    every answer.
    """
    runs: dict[str, dict[str, list[str]]] = {v.name: {} for v in variants}
    for replay, block in timeline.replays(judged):
        for one in block:
            answered = answer(replay, one, variants, depth)
            for name, run in runs.items():
                run[one.qid] = answered.ids(name, depth)
            watch(answered)
            advance(1)
    qrels = {j.qid: j.grades for j in judged}
    scored = {n: evaluate(r, qrels, metrics) for n, r in runs.items()}
    qids = next(iter(scored.values())).qids
    given = None if weights is None else np.array([weights.get(q, 1.0) for q in qids], np.float64)
    return Comparison(scored, metrics, seed, given)


def answer(replay: Replay, one: Judged, variants: Sequence[Variant], depth: int) -> Answered:
    """Recall once for each set of channels, and order what came in every way asked for."""
    ctx = replay.context(replace(one.request, limit=depth), one.now_ms)
    recalled: dict[tuple[str, ...] | None, CandidateSet] = {}
    orders = {}
    for variant in variants:
        if variant.channels not in recalled:
            recalled[variant.channels] = replay.recall(ctx, variant.channels)
        candidates = recalled[variant.channels]
        orders[variant.name] = candidates, replay.score(ctx, candidates, variant.ranker)
    return Answered(one, ctx, orders)


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.mean, interval.low, interval.high
