"""Ranks in this process: gathers the inputs, computes the features, asks the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np

from app.domain.arrays import F32, I64
from app.domain.candidates import CandidateSet
from app.domain.errors import FeatureMismatch
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.features.lookup import PairModel
from app.rank.explanation import Explanation, explain
from app.rank.graph import as_inputs
from app.rank.ranker import Keep, Model, Ranking
from app.rank.release import Release
from app.rank.spare import SpareThreads
from app.snapshot.context import SearchContext

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LocalRanker:
    """A release, ready: the features that its model was trained on, and the model."""

    features: FeatureSet
    model: Model
    threads: Executor
    models: Mapping[str, PairModel] = field(default_factory=dict)  # that features ask, by name
    spare: SpareThreads | None = None  # None: every batch is scored whole

    def __post_init__(self) -> None:
        if self.model.feature_names != self.features.names:
            raise FeatureMismatch(
                f"the model was trained on {', '.join(self.model.feature_names)}; this build "
                f"computes {', '.join(self.features.names)}; train again with this build"
            )

    @classmethod
    def of(
        cls, release: Release, threads: Executor, spare: SpareThreads | None = None
    ) -> LocalRanker:
        """Rank by an open release, and by those that it uses."""
        return cls(release.features, release.model, threads, as_inputs(release.uses), spare)

    def asking(self, models: Mapping[str, PairModel]) -> LocalRanker:
        """Return the same ranker, with these models in place of its own of that name."""
        return replace(self, models={**self.models, **models})

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        """Return (n,) scores, or raise TimeoutError at the request's deadline."""
        return await self._on_a_thread(self.score, ctx, candidates)

    async def rank_keeping(
        self, ctx: SearchContext, candidates: CandidateSet, keep: Keep
    ) -> Ranking:
        """Return scores and all features: they are there, and choosing some would cost more."""
        return await self._on_a_thread(self.ranking, ctx, candidates)

    async def explain(
        self, ctx: SearchContext, candidates: CandidateSet, places: I64, against: int | None = None
    ) -> Explanation:
        """Say why the candidates at `places` have their scores: ExplainingRanker."""
        work = partial(self.explanation, places=places, against=against)
        return await self._on_a_thread(work, ctx, candidates)

    async def _on_a_thread(
        self,
        work: Callable[[SearchContext, CandidateSet], T],
        ctx: SearchContext,
        candidates: CandidateSet,
    ) -> T:
        call = asyncio.get_running_loop().run_in_executor(self.threads, work, ctx, candidates)
        async with asyncio.timeout(ctx.deadline.remaining_s()):
            return await call

    def ranking(
        self, ctx: SearchContext, candidates: CandidateSet, keep: Keep | None = None
    ) -> Ranking:
        """Return scores with the features of every candidate, whatever `keep` asks for."""
        n, features = len(candidates), self.features
        if not n:
            return Ranking(np.empty(0, np.float32), features.names)
        inputs = gather(features.inputs, ctx, candidates, models=self.models)
        matrix = features.matrix(inputs, n)
        lists = {name: inputs[name] for name in features.list_inputs}
        return Ranking(
            self._predict(matrix), features.names, np.arange(n, dtype=np.int64), matrix, lists
        )

    def explanation(
        self, ctx: SearchContext, candidates: CandidateSet, places: I64, against: int | None = None
    ) -> Explanation:
        return explain(self.model, self.matrix(ctx, candidates), places, against)

    def score(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        return self._predict(self.matrix(ctx, candidates))

    def _predict(self, matrix: F32) -> F32:
        spare = self.spare
        return self.model.predict(matrix) if spare is None else spare.predict(self.model, matrix)

    def matrix(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        """Return the (n, d) features of these candidates, as training saw them."""
        if not len(candidates):
            return np.empty((0, len(self.features.names)), np.float32)
        inputs = gather(self.features.inputs, ctx, candidates, models=self.models)
        return self.features.matrix(inputs, len(candidates))
