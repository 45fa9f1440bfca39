"""The roles of ranking: a model knows numbers only, a ranker knows the request."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from app.domain.arrays import F32, I64
from app.domain.candidates import CandidateSet
from app.features.lookup import PairModel
from app.rank.drawing import drawn, seed_of
from app.snapshot.context import SearchContext


class Model(Protocol):
    """A trained scorer. Knows no query, no document, no clock."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """(d,) in training order."""
        ...

    def predict(self, features: F32) -> F32:
        """(n, d) float32 → (n,) float32, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Keep:
    """Whose features a ranking shall hand back: the best, and some drawn before it is known.

    Which requests and which candidates is decided by the request's id alone, so that whoever asks
    for them and whoever logs them agree.
    """

    best: int = 50
    drawn: int = 20
    share: float = 1.0  # of requests

    def chooses(self, request_id: str) -> bool:
        return zlib.crc32(request_id.encode()) < self.share * 2**32

    def draw(self, request_id: str, n: int) -> list[int]:
        """Return places of candidates in [0, n), distinct, in random order."""
        places: list[int] = drawn(seed_of(request_id), n, min(n, self.drawn)).tolist()
        return places


def _nowhere() -> I64:
    return np.empty(0, np.int64)


def _nothing() -> F32:
    return np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Ranking:
    """n scores; the features of k candidates, at least those that were to be kept."""

    scores: F32  # (n,) aligned with the candidates
    feature_names: tuple[str, ...] = ()  # (d,)
    places: I64 = field(default_factory=_nowhere)  # (k,) indices into the candidates, distinct
    features: F32 = field(default_factory=_nothing)  # (k, d) as the model read them
    lists: Mapping[str, float] = field(default_factory=dict)  # the list_* inputs that it read


class Ranker(Protocol):
    """Local or remote: the pipeline cannot tell, so it is async."""

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        """Return (n,) finite scores aligned with `candidates.rows`."""
        ...


@runtime_checkable
class KeepingRanker(Ranker, Protocol):
    """A ranker that reads features and can hand them back."""

    async def rank_keeping(
        self, ctx: SearchContext, candidates: CandidateSet, keep: Keep
    ) -> Ranking:
        """Return the scores that `rank` would, and the features of those to keep."""
        ...


@runtime_checkable
class AsksModels(Protocol):
    """A ranker whose features may ask released models; offline they are as old as the tables."""

    def asking(self, models: Mapping[str, PairModel]) -> Ranker:
        """Return the same ranker, with these models in place of its own of that name."""
        ...
