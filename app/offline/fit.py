"""Fits LightGBM on training rows and reads back what it learned.

Same rows, same recipe: the same model to the byte, on any number of threads. What a recipe does
not say is LightGBM's default.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError
from lightgbm.callback import CallbackEnv

from app.domain.arrays import F64, I64
from app.domain.errors import InvalidInput
from app.offline.dataset import TrainingSet
from app.offline.lightgbm_rows import lightgbm_dataset
from app.offline.objectives import loss
from app.offline.parameters import parameters
from app.offline.recipe import Recipe

log = logging.getLogger(__name__)
_THREADS = re.compile(r"^\[num_threads: -?\d+\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A booster and how it came about."""

    booster: Any
    rounds: int
    valid_ndcg: float  # LightGBM's own, at the gate's cut-off, on the valid groups, after `rounds`
    elsewhere: str = ""  # which file it is, where it was not fitted here: offline.elsewhere

    def gains(self) -> F64:
        """Summed split gain of each feature. (d,)"""
        return np.asarray(self.booster.feature_importance("gain"), np.float64)

    def text(self) -> str:
        """LightGBM's own text of the model, without the one line that depends on the machine."""
        text: str = self.booster.model_to_string(num_iteration=self.rounds)
        return _THREADS.sub("[num_threads: 0]", text)


def fit(train: TrainingSet, valid: TrainingSet, recipe: Recipe, threads: int) -> Fitted:
    """Boost until the valid groups' nDCG stops rising, whatever the objective.

    Not before `min_rounds`: of few groups the first trees often look best, by chance.
    Where LightGBM learns the bias of positions the valid clicks are as biased as any: their nDCG
    is best before the first tree leaves the old order. Then all of the recipe's rounds are boosted.

    Raises InvalidInput where LightGBM refuses a parameter or a grade.
    """
    stop = [] if train.positions.any() else [_stopping(recipe)]
    booster = _train(recipe, [train], None, threads, recipe.rounds, valid=valid, callbacks=stop)
    (score,) = booster.best_score["valid"].values()
    best = booster.best_iteration  # below 1 where nothing stops, as with dart
    return Fitted(booster, best if best > 0 else booster.current_iteration(), float(score))


def _stopping(recipe: Recipe) -> Callable[[CallbackEnv], None]:
    """Stop as LightGBM does, as if boosting began with the last of `min_rounds`."""
    first = min(recipe.min_rounds, recipe.rounds) - 1
    stop = lightgbm.early_stopping(recipe.early_stopping, verbose=False)

    def look(env: CallbackEnv) -> None:
        if env.iteration >= first:
            stop(replace(env, begin_iteration=first))

    return look


def refit(
    parts: Sequence[TrainingSet], columns: I64, recipe: Recipe, fitted: Fitted, threads: int
) -> Fitted:
    """Train again on some features of all parts, with the rounds found."""
    booster = _train(recipe, parts, columns, threads, fitted.rounds)
    return Fitted(booster, fitted.rounds, fitted.valid_ndcg)


def _train(
    recipe: Recipe,
    parts: Sequence[TrainingSet],
    columns: I64 | None,
    threads: int,
    rounds: int,
    valid: TrainingSet | None = None,
    callbacks: Sequence[Any] = (),
) -> Any:
    lightgbm.register_logger(log, "debug")  # else it prints on standard output, beside --json
    settings = parameters(recipe, threads)
    rows = lightgbm_dataset(parts, columns, recipe.objective)
    stopping = [lightgbm_dataset([valid], columns, None)] if valid is not None else []
    settings["objective"] = loss(recipe.objective, parts)
    try:
        return lightgbm.train(
            settings, rows, rounds, valid_sets=stopping,
            valid_names=["valid"] * len(stopping), callbacks=list(callbacks),
        )  # fmt: skip
    except LightGBMError as error:
        raise InvalidInput(
            f"LightGBM refuses this training: {error}; look at [parameters] of the recipe"
        ) from None
