"""Ways to order candidates that models are measured against, and models that share their features.

Each is a Ranker: the evaluation cannot tell them from the one that serves.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from app.corpus.string_keys import hash64
from app.domain.arrays import F32
from app.domain.candidates import CandidateSet
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.features.lookup import PairModel
from app.rank.ranker import AsksModels, Model, Ranker
from app.recall.popularity import popularity
from app.snapshot.context import SearchContext
from app.snapshot.tables import Tables

PairModels: TypeAlias = Mapping[str, PairModel]
PRIOR_SHARE = 0.25  # as the popular channel weighs the catalogue's own columns


class ByPopularity:
    """What is liked in general first, whoever asks and whatever was asked."""

    def __init__(self) -> None:
        self._of: Tables | None = None
        self._scores = np.empty(0, np.float32)

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        if self._of is not ctx.tables:
            gain = ctx.tables.counters["recent_gain"]
            self._scores = popularity(ctx.snapshot.documents, gain, PRIOR_SHARE)
            self._of = ctx.tables
        return self._scores[candidates.rows]


class Shuffled:
    """At random: the same for the same seed, query and moment."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        draw = np.random.default_rng([self._seed, hash64(ctx.query.text), ctx.query.now_ms])
        return draw.random(len(candidates), np.float32)


class SharedFeatures:
    """One matrix of features for many models, computed once a query.

    The first model's features come first and alone, so that it can be timed as it would serve.
    """

    def __init__(self, first: Sequence[str], *others: Sequence[str]) -> None:
        rest = dict.fromkeys(n for names in others for n in names if n not in set(first))
        self._first = FeatureSet(CATALOG, tuple(first))
        self._rest = FeatureSet(CATALOG, tuple(rest))
        self._place = {name: i for i, name in enumerate((*first, *rest))}
        self._of: CandidateSet | None = None
        self._head = self._whole = np.empty((0, 0), np.float32)

    def of(
        self,
        names: tuple[str, ...],
        ctx: SearchContext,
        candidates: CandidateSet,
        models: PairModels | None = None,
    ) -> F32:
        """Return the (n, d) features of these names, in C order. `models`: that they ask."""
        if self._of is not candidates:
            self._of = candidates
            self._head = _matrix(self._first, ctx, candidates, models)
            self._whole = self._head[:, :0]
        if names == self._first.names:
            return self._head
        if not self._whole.size:
            rest = [_matrix(self._rest, ctx, candidates, models)] if self._rest.names else []
            self._whole = np.hstack([self._head, *rest])
        columns = [self._place[name] for name in names]
        return np.ascontiguousarray(self._whole[:, columns])


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """One of the models that share their features."""

    shared: SharedFeatures
    model: Model
    models: PairModels = field(default_factory=dict)
    """That features ask, by name. All who share have the same."""

    def asking(self, models: PairModels) -> ModelOrder:
        """Return the same order, with these models in place of its own of that name."""
        return replace(self, models={**self.models, **models})

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        names = self.model.feature_names
        return self.model.predict(self.shared.of(names, ctx, candidates, self.models))


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """A model whose features ask other rankers: which ones is its own affair."""

    features: FeatureSet
    model: Model
    models: PairModels

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        return self.model.predict(_matrix(self.features, ctx, candidates, self.models))


@dataclass(frozen=True, slots=True)
class Timed:
    """A ranker, and how long each call took."""

    ranker: Ranker
    took_ms: list[float] = field(default_factory=list)

    def asking(self, models: PairModels) -> Timed:
        """Return the same, counted together."""
        if not isinstance(self.ranker, AsksModels):
            return self
        return replace(self, ranker=self.ranker.asking(models))

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        start = time.perf_counter()
        scores = await self.ranker.rank(ctx, candidates)
        self.took_ms.append((time.perf_counter() - start) * 1e3)
        return scores

    def percentile_ms(self, percent: float) -> float:
        """NaN where nothing was ranked."""
        return float(np.percentile(self.took_ms, percent)) if self.took_ms else float("nan")


def _matrix(
    features: FeatureSet, ctx: SearchContext, candidates: CandidateSet, models: PairModels | None
) -> F32:
    inputs = gather(features.inputs, ctx, candidates, models=models)
    return features.matrix(inputs, len(candidates))
