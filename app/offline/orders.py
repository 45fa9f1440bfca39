"""Ways to order candidates that models are measured against, and models that share their features.

Each is a Ranker: the evaluation cannot tell them from the one that serves.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.corpus.ragged import hash64
from app.domain.arrays import F32, F64
from app.domain.candidates import CandidateSet
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.rank.ranker import Model, Ranker
from app.recall.popularity import popularity
from app.snapshot.context import SearchContext
from app.snapshot.tables import Tables

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

    def of(self, names: tuple[str, ...], ctx: SearchContext, candidates: CandidateSet) -> F32:
        """Return the (n, d) features of these names, in C order."""
        if self._of is not candidates:
            self._of, self._head = candidates, _matrix(self._first, ctx, candidates)
            self._whole = self._head[:, :0]
        if names == self._first.names:
            return self._head
        if not self._whole.size:
            rest = [_matrix(self._rest, ctx, candidates)] if self._rest.names else []
            self._whole = np.hstack([self._head, *rest])
        columns = [self._place[name] for name in names]
        return np.ascontiguousarray(self._whole[:, columns])


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """One of the models that share their features."""

    shared: SharedFeatures
    model: Model

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        return self.model.predict(self.shared.of(self.model.feature_names, ctx, candidates))


class Timed:
    """A ranker, and how long each call took."""

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker
        self._took_ms: list[float] = []

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        start = time.perf_counter()
        scores = await self._ranker.rank(ctx, candidates)
        self._took_ms.append((time.perf_counter() - start) * 1e3)
        return scores

    def percentile_ms(self, percent: float) -> float:
        """NaN where nothing was ranked."""
        took: F64 = np.array(self._took_ms)
        return float(np.percentile(took, percent)) if took.size else float("nan")


def _matrix(features: FeatureSet, ctx: SearchContext, candidates: CandidateSet) -> F32:
    return features.matrix(gather(features.inputs, ctx, candidates), len(candidates))
