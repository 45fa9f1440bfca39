"""A LightGBM booster as a Model: one thread a call, from verified model text only.

Scores come from our own tree scorer, bit for bit LightGBM's; from LightGBM where a model has what
the scorer cannot express, and `scored_by` says so.
"""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from app.domain.arrays import F32, F64
from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.rank.trees.paths import Paths, differences, paths_of
from app.rank.trees.scorer import score
from app.rank.trees.shapley import Edges, contributions, edges_of
from app.rank.trees.tables import Tables, build
from app.rank.trees.text import NotExpressible, Tree, read_trees
from app.rank.trees.whole import Broken, refuse_broken

log = logging.getLogger(__name__)


class LightGbmModel:
    """Holds a booster. `predict` is thread-safe: neither scorer writes what it shares."""

    def __init__(self, booster: Any, feature_names: tuple[str, ...]) -> None:
        if booster.num_feature() != len(feature_names):
            raise CorruptArtifact(
                f"the model reads {booster.num_feature()} features, its release names "
                f"{len(feature_names)}; train again"
            )
        self.booster = booster
        self.feature_names = feature_names
        self.tables, self.scored_by = _tables_of(booster)

    @classmethod
    def open(cls, file: Path, feature_names: tuple[str, ...] | None = None) -> LightGbmModel:
        """Load model text. The caller has verified the file: an altered one can kill a process.

        Without names, features are called as in the text. Raises CorruptArtifact for what is no
        model, before LightGBM reads it.
        """
        text = file.read_text("utf-8")
        try:
            refuse_broken(text)
            booster = lightgbm.Booster(model_str=text)
        except (Broken, lightgbm.basic.LightGBMError) as error:
            raise CorruptArtifact(f"{file} is no model ({error}); train again") from None
        return cls(booster, feature_names or tuple(booster.feature_name()))

    @classmethod
    def of(cls, booster: Any, feature_names: tuple[str, ...], rounds: int) -> LightGbmModel:
        """Cut a booster that was just trained to its best rounds, by way of its text."""
        text = booster.model_to_string(num_iteration=rounds)
        trimmed = lightgbm.Booster(model_str=text)
        return cls(trimmed, feature_names)

    def predict(self, features: F32) -> F32:
        """(n, d) float32 → (n,) float32."""
        if not features.shape[0]:
            return np.empty(0, np.float32)
        if self.tables is not None:
            return score(self.tables, np.ascontiguousarray(features, np.float32)).astype(np.float32)
        scores = self.booster.predict(features, raw_score=True, num_threads=1)
        return np.asarray(scores, np.float32)

    def trees(self) -> list[Tree]:
        """Return the trees in order. Raises NotExpressible."""
        return read_trees(self.booster.model_to_string())[1]

    def contributions(self, features: F32) -> tuple[float, F64]:
        """Say why: the base score, and what each feature adds to it. (n, d) → (n, d)

        TreeSHAP (Lundberg et al., arXiv:1802.03888) by `trees.shapley`: where a feature is not
        known, both sides of a split stand for it, by how many training rows each had. They sum to
        the score in float64. Of a model that it cannot read, LightGBM's own `pred_contrib`, which
        gives the same. Raises FeatureMismatch for linear trees, which that does not know.
        """
        if self._edges is not None:
            return self._edges.base, contributions(self._edges, features)
        return self._told_by_lightgbm(features)

    def _told_by_lightgbm(self, features: F32) -> tuple[float, F64]:
        d = len(self.feature_names)
        rows = np.ascontiguousarray(features if len(features) else np.zeros((1, d)), np.float32)
        try:
            told = self.booster.predict(rows, pred_contrib=True, num_threads=1)
        except lightgbm.basic.LightGBMError as error:
            raise FeatureMismatch(f"this model cannot be explained: {error}") from None
        return float(told[0, -1]), np.asarray(told[: len(features), :-1], np.float64)

    def differences(self, features: F32, other: F32) -> F64:
        """Split score(row) − score(other) by feature. (n, d), (d,) → (n, d)

        By `trees.paths`, which gives exactly 0 to a feature that both have alike; of a model that
        it cannot read, the difference of two rows' contributions.
        """
        if self._paths is not None:
            return differences(self._paths, features, other)
        _, told = self.contributions(np.concatenate([features, other[None]]))
        apart: F64 = told[:-1] - told[-1]
        return apart

    @cached_property
    def _edges(self) -> Edges | None:
        """Read for the first row that is asked for; None where the trees cannot be read."""
        try:
            return None if self.tables is None else edges_of(self.trees())
        except NotExpressible as why:
            log.info("the model is explained by LightGBM: it has %s", why)
            return None

    @cached_property
    def _paths(self) -> Paths | None:
        """Read for the first difference that is asked for; few models ever are."""
        return None if self.tables is None else paths_of(self.trees())


def _tables_of(booster: Any) -> tuple[Tables | None, str]:
    """Return the scorer's tables, and what scores: "tree scorer", or "LightGBM: " and why."""
    try:
        features, trees = read_trees(booster.model_to_string())
        return build(features, trees), "tree scorer"
    except NotExpressible as why:
        log.warning("the model is scored by LightGBM, which is slower: it has %s", why)
        return None, f"LightGBM: it has {why}"
