"""Why candidates have their scores: what each feature adds to each of them, and to the difference
of two. Contributions are TreeSHAP, differences Shapley values against the other document; see
`LightGbmModel` for both and their sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from app.domain.arrays import F32, F64, I64
from app.domain.candidates import CandidateSet
from app.domain.errors import FeatureMismatch
from app.rank.ranker import Model, Ranker
from app.snapshot.context import SearchContext

MAX_EXPLAINED = 50
"""Candidates of one request: some ten milliseconds with 300 trees of 31 leaves."""


def _none() -> F64:
    return np.empty((0, 0), np.float64)


@dataclass(frozen=True, slots=True)
class Explanation:
    """k candidates, d features: base_score + a row of contributions sums to that row's score."""

    feature_names: tuple[str, ...]  # (d,)
    places: I64  # (k,) indices into the candidates
    scores: F32  # (k,)
    features: F32  # (k, d) as the model read them; NaN: missing
    base_score: float  # of a document of which nothing is known
    contributions: F64  # (k, d) what each feature adds
    differences: F64 = field(default_factory=_none)
    """(k, d) score(row) − score(against) by feature; 0 where both are alike. Else (0, 0)."""


@runtime_checkable
class ExplainableModel(Model, Protocol):
    """A model that can say why. Both sum, in float64, to what `predict` returns."""

    def contributions(self, features: F32) -> tuple[float, F64]:
        """Return the base score and what each feature adds to it. (n, d) → (n, d)"""
        ...

    def differences(self, features: F32, other: F32) -> F64:
        """Split score(row) − score(other) by feature. (n, d), (d,) → (n, d)"""
        ...


@runtime_checkable
class ExplainingRanker(Ranker, Protocol):
    """A ranker that can say why."""

    async def explain(
        self, ctx: SearchContext, candidates: CandidateSet, places: I64, against: int | None = None
    ) -> Explanation:
        """Explain the candidates at `places`, at most MAX_EXPLAINED, and how each differs from
        the one at `against`. Raises as `rank` does, and FeatureMismatch for a model that cannot.
        """
        ...


def explain(model: Model, features: F32, places: I64, against: int | None = None) -> Explanation:
    """Explain the rows at `places` of (n, d) features. Raises FeatureMismatch."""
    if not isinstance(model, ExplainableModel):
        raise FeatureMismatch(f"a {type(model).__name__} cannot say why it scores as it does")
    rows = np.ascontiguousarray(features[places])
    base_score, contributions = model.contributions(rows)
    apart = _none() if against is None else model.differences(rows, features[against])
    return Explanation(
        model.feature_names, places, model.predict(rows), rows, base_score, contributions, apart
    )
