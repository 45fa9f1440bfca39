"""Evaluate the whole pipeline on judged queries, as variants of one another, query by query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.offline.confidence import Interval, difference_interval, mean_interval
from app.offline.judged import Judged
from app.offline.metrics import Evaluation, evaluate
from app.offline.replay import Replay
from app.offline.timeline import Timeline
from app.rank.ranker import Ranker

DEPTH = 100


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer."""

    name: str
    ranker: Ranker | None = None
    channels: tuple[str, ...] | None = None  # None asks all


@dataclass(frozen=True, slots=True)
class Comparison:
    """Variants measured on the same queries."""

    evaluations: Mapping[str, Evaluation]
    metrics: tuple[str, ...]
    seed: int

    @property
    def queries(self) -> int:
        return len(next(iter(self.evaluations.values())).qids)

    def interval(self, variant: str, metric: str) -> Interval:
        return mean_interval(self.evaluations[variant].values[metric], self.seed)

    def against(
        self, baseline: str, variant: str = "ranked", metric: str | None = None
    ) -> Interval:
        """Paired interval of variant − baseline, on the first metric unless named."""
        name = metric or self.metrics[0]
        ours, theirs = self.evaluations[variant].values, self.evaluations[baseline].values
        return difference_interval(ours[name], theirs[name], self.seed)

    def to_json(self) -> dict[str, dict[str, list[float]]]:
        """Map variant → metric → [mean, low, high]."""
        return {
            v: {m: [round(x, 4) for x in _ends(self.interval(v, m))] for m in self.metrics}
            for v in self.evaluations
        }


def compare(
    judged: Sequence[Judged],
    timeline: Timeline,
    ranker: Ranker,
    metrics: tuple[str, ...],
    seed: int,
    advance: Callable[[int], object],
) -> Comparison:
    """The three questions of each training: text alone, fused without a model, ranked."""
    lexical = ("lexical",) if "lexical" in timeline.channels else None
    variants = (Variant("lexical", None, lexical), Variant("fused"), Variant("ranked", ranker))
    return measure(judged, timeline, variants, metrics, seed, advance)


def measure(
    judged: Sequence[Judged],
    timeline: Timeline,
    variants: Sequence[Variant],
    metrics: tuple[str, ...],
    seed: int,
    advance: Callable[[int], object] = lambda _: None,
    depth: int = DEPTH,
) -> Comparison:
    """Answer every query in every variant, `depth` documents each, and score the answers."""
    runs: dict[str, dict[str, list[str]]] = {v.name: {} for v in variants}
    for replay, block in timeline.replays(judged):
        for one in block:
            for variant in variants:
                runs[variant.name][one.qid] = answer(replay, one, variant, depth)
            advance(1)
    qrels = {j.qid: j.grades for j in judged}
    return Comparison({n: evaluate(r, qrels, metrics) for n, r in runs.items()}, metrics, seed)


def answer(replay: Replay, one: Judged, variant: Variant, depth: int) -> list[str]:
    """Document ids of one answer, best first."""
    request = replace(one.request, limit=depth)
    return list(replay.search(request, one.now_ms, variant.ranker, variant.channels).ids)


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.mean, interval.low, interval.high
