"""The self-check that travels inside a release: what went in and what came out when it was trained.

Loading a release replays it. That warms the code and proves in one step that this build computes
the features, and this machine the scores, that training did. A hash of the source would miss a
changed constant and trip on a changed comment; the replay does neither.

Features may differ in the last bits from machine to machine. Scores may not: the model is asked for
the very features that it was asked for in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.domain.arrays import F32, Array
from app.domain.errors import FeatureMismatch
from app.features.feature import FeatureSet
from app.rank.ranker import Model

RELATIVE_TOLERANCE = 1e-5  # float32 sums differ in the last bits between machines


@dataclass(frozen=True, slots=True)
class Golden:
    """One request of training: n candidates, d features. Or rows made up, which have no inputs."""

    inputs: Mapping[str, Any]  # as features.inputs.gather returns them
    features: F32  # (n, d)
    scores: F32  # (n,)

    def save(self, file: Path) -> None:
        arrays: dict[str, Any] = {f"input:{n}": np.asarray(v) for n, v in self.inputs.items()}
        np.savez_compressed(file, features=self.features, scores=self.scores, **arrays)

    @classmethod
    def open(cls, file: Path) -> Golden:
        with np.load(file, allow_pickle=False) as stored:
            inputs = {
                name.removeprefix("input:"): _scalar_or_column(stored[name])
                for name in stored.files
                if name.startswith("input:")
            }
            return cls(inputs, stored["features"], stored["scores"])


def replay(goldens: Sequence[Golden], features: FeatureSet, model: Model) -> int:
    """Return the rows of requests compared, or raise FeatureMismatch naming what differs first."""
    for golden in goldens:
        if golden.inputs:
            _compare_features(golden, features)
        if not np.array_equal(model.predict(golden.features), golden.scores):
            raise FeatureMismatch(
                "features agree and scores do not: wrong model file or LightGBM version; "
                "train again with this build"
            )
    return sum(golden.scores.size for golden in goldens if golden.inputs)


def _compare_features(golden: Golden, features: FeatureSet) -> None:
    here = features.matrix(golden.inputs, golden.scores.size)
    for j, name in enumerate(features.names):
        if not _agree(here[:, j], golden.features[:, j]):
            raise FeatureMismatch(
                f"{name} is computed otherwise here than when it was trained; "
                "train again with this build"
            )


def _scalar_or_column(value: Array) -> Any:
    """A 0-d float64 array would widen float32 columns where the scalar it was did not."""
    return value.item() if value.ndim == 0 else value


def _agree(here: F32, there: F32) -> bool:
    return bool(np.allclose(here, there, rtol=RELATIVE_TOLERANCE, atol=1e-6, equal_nan=True))
