"""The exam: held-out lists answered by the candidate and by everything it is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.domain.arrays import Bools
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.calibration import Calibration, Calibrator
from app.offline.contenders import SERVING, Contender, contenders
from app.offline.evaluate import Answered, Comparison, Variant, measure
from app.offline.folds import Parts
from app.offline.gate import Baseline, Evidence
from app.offline.judged import Judged
from app.offline.orders import (
    ByPopularity,
    ModelOrder,
    OwnOrder,
    PairModels,
    SharedFeatures,
    Shuffled,
    Timed,
)
from app.offline.recipe import Recipe
from app.offline.slices import Slicer
from app.offline.timeline import Timeline
from app.offline.weights import list_weights
from app.rank.ranker import Model, Ranker
from app.snapshot.store import ArtifactStore

CANDIDATE = "ranked"


@dataclass(frozen=True, slots=True)
class Exam:
    """What came out."""

    comparison: Comparison  # of the variants that matter; the candidate is "ranked"
    baselines: tuple[Baseline, ...]  # what the gate holds it against, and who was left out
    slices: Mapping[str, Bools]  # name → (q,) which queries
    calibration: Calibration | None
    rank_p95_ms: float  # of features and model for one query's candidates

    @property
    def baseline(self) -> str:
        """What slices are held against: the release that serves where it took part, else fused."""
        return SERVING if SERVING in self.comparison.evaluations else "fused"

    def evidence(self, parts: Parts, recipe: Recipe) -> Evidence:
        """What the gate looks at."""
        lists = [*parts.fitting[0], *parts.fitting[1], *parts.test]
        is_logged = all(one.is_timed for one in lists)
        return Evidence(recipe.gate.metric, is_logged, len(lists), self.rank_p95_ms, self.baselines)


def examine(
    judged: Sequence[Judged],
    test: Sequence[Judged],
    timeline: Timeline,
    candidate: Model,
    releases: ArtifactStore,
    recipe: Recipe,
    now_ms: int,
    advance: Callable[[int], object],
    beside: Sequence[Contender] = (),
) -> Exam:
    """Measure on `test`, the last of `judged`: what came before says which texts are frequent.

    `beside`: who else the candidate is held against.
    """
    found, left_out = contenders(releases, timeline.snapshot, test, recipe.gate, now_ms)
    against = [*found, *beside]
    sharing = [c for c in against if not c.asks_rankers]
    shared = SharedFeatures(candidate.feature_names, *(c.model.feature_names for c in sharing))
    models = {name: model for c in sharing for name, model in c.models.items()}
    timed = Timed(ModelOrder(shared, candidate, models))
    variants = (
        Variant(CANDIDATE, timed),
        *(Variant(c.name, _order_of(c, shared, models)) for c in against),
        *plain_orders(timeline, recipe.seed),
    )
    slicer, calibrator = Slicer.of_log(_before(judged, test)), Calibrator(CANDIDATE)

    def watch(answered: Answered) -> None:
        slicer.watch(answered)
        calibrator.watch(answered)

    comparison = measure(
        test, timeline, variants, metrics_of(recipe), recipe.seed, advance,
        weights=list_weights(test), watch=watch,
    )  # fmt: skip
    comparison = replace(comparison, counted=_counted(comparison, test, against))
    held, dropped = strongest(comparison, against)
    comparison = comparison.without(dropped)
    baselines = (*held, *left_out)
    if not held and comparison.queries:
        against_fused = comparison.against("fused")
        baselines = (Baseline("fused order", None, comparison.queries, against_fused), *left_out)
    return Exam(
        comparison, baselines, slicer.masks(comparison), calibrator.result(),
        timed.percentile_ms(95),
    )  # fmt: skip


def _order_of(contender: Contender, shared: SharedFeatures, models: PairModels) -> Ranker:
    if contender.asks_rankers:
        features = FeatureSet(CATALOG, contender.model.feature_names)
        return OwnOrder(features, contender.model, contender.models)
    return ModelOrder(shared, contender.model, models)


def _before(judged: Sequence[Judged], test: Sequence[Judged]) -> list[Judged]:
    first = min((one.now_ms for one in test), default=0)
    return [one for one in judged if one.is_timed and one.now_ms < first]


def metrics_of(recipe: Recipe) -> tuple[str, ...]:
    """The gate's metric first, then the others, once each."""
    return tuple(dict.fromkeys((recipe.gate.metric, "MRR", "AP", "R@100")))


def plain_orders(timeline: Timeline, seed: int) -> tuple[Variant, ...]:
    """What needs no model."""
    lexical = ("lexical",) if "lexical" in timeline.channels else None
    return (
        Variant("fused"),
        Variant("lexical", None, lexical),
        Variant("popularity", ByPopularity()),
        Variant("random", Shuffled(seed)),
    )


def strongest(
    comparison: Comparison, against: Sequence[Contender]
) -> tuple[list[Baseline], list[str]]:
    """Return what serves and the strongest of the others, and which variants to drop.

    The strongest is the one that the candidate does worst against, on the lists that count for it.
    """
    held = [c for c in against if c.role == SERVING]
    others = [c for c in against if c.role != SERVING]
    if others:
        held.append(min(others, key=lambda c: _mean_difference(comparison, c.name)))
    dropped = [c.name for c in others if c not in held]
    baselines = [
        Baseline(
            c.role, c.release_id, int(comparison.places(c.name).sum()), comparison.against(c.name)
        )
        for c in held
        if comparison.places(c.name).any()
    ]
    return baselines, dropped


def _mean_difference(comparison: Comparison, name: str) -> float:
    metric, at = comparison.metrics[0], comparison.places(name)
    ours, theirs = (comparison.evaluations[v].values[metric] for v in (CANDIDATE, name))
    weights = None if comparison.weights is None else comparison.weights[at]
    return float(np.average((ours - theirs)[at], weights=weights)) if at.any() else float("inf")


def _counted(
    comparison: Comparison, test: Sequence[Judged], against: Sequence[Contender]
) -> dict[str, Bools]:
    """Each contender's lists, in the order of the comparison's queries."""
    place = {one.qid: i for i, one in enumerate(test)}
    order = np.array([place[qid] for qid in comparison.qids], np.int64)
    return {c.name: c.may_judge[order] for c in against}
