"""Fits LightGBM on training rows and reads back what it learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from app.domain.arrays import F64
from app.offline.dataset import TrainingSet
from app.offline.recipe import Recipe

DEFAULTS = {
    "num_leaves": 31,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "lambdarank_truncation_level": 20,
    "verbosity": -1,
    "force_row_wise": True,
    "deterministic": True,
}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A booster and how it came about."""

    booster: Any
    rounds: int
    valid_ndcg: float  # LightGBM's own nDCG@10 on the valid groups, at the rounds chosen

    def gains(self) -> F64:
        """Summed split gain of each feature. (d,)"""
        return np.asarray(self.booster.feature_importance("gain"), np.float64)


def fit(
    train: TrainingSet, valid: TrainingSet, recipe: Recipe, names: tuple[str, ...], threads: int
) -> Fitted:
    """Boost until the valid groups stop improving. Same rows, same recipe: same model."""
    stop = lightgbm.early_stopping(recipe.early_stopping, verbose=False)
    booster = lightgbm.train(
        parameters(recipe, threads),
        _data(train, names),
        recipe.rounds,
        valid_sets=[_data(valid, names)],
        valid_names=["valid"],
        callbacks=[stop],
    )
    score = booster.best_score["valid"]["ndcg@10"]
    return Fitted(booster, max(1, booster.best_iteration), float(score))


def refit(
    rows: TrainingSet, recipe: Recipe, names: tuple[str, ...], fitted: Fitted, threads: int
) -> Fitted:
    """Train again on all rows with the rounds found."""
    booster = lightgbm.train(parameters(recipe, threads), _data(rows, names), fitted.rounds)
    return Fitted(booster, fitted.rounds, fitted.valid_ndcg)


def parameters(recipe: Recipe, threads: int) -> dict[str, Any]:
    return {
        **DEFAULTS,
        **recipe.parameters,
        "objective": recipe.objective,
        "metric": "ndcg",
        "eval_at": [10],
        "seed": recipe.seed,
        "num_threads": threads,
    }


def _data(rows: TrainingSet, names: tuple[str, ...]) -> Any:
    labels = [f"f{i}" for i in range(len(names))]  # LightGBM refuses brackets in names
    return lightgbm.Dataset(
        rows.features,
        rows.labels,
        group=rows.sizes,
        weight=None if (rows.weights == 1).all() else rows.weights,
        position=rows.positions if rows.positions.any() else None,
        feature_name=labels,
        free_raw_data=False,
    )
