"""The two roles of ranking: a model knows numbers only, a ranker knows the request."""

from __future__ import annotations

from typing import Protocol

from app.domain.arrays import F32
from app.domain.candidates import CandidateSet
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


class Ranker(Protocol):
    """Local or remote: the pipeline cannot tell, so it is async."""

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        """Return (n,) finite scores aligned with `candidates.rows`."""
        ...
