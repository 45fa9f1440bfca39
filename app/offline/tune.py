"""Searches LightGBM's parameters for the best nDCG on the valid part. The test part is not seen.

Optuna's tree-structured Parzen estimator (Bergstra et al., NIPS 2011; Akiba et al., KDD 2019),
seeded by the recipe: the same rows give the same parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeAlias

from app.domain.errors import InvalidInput
from app.offline.dataset import TrainingSet
from app.offline.fit import fit
from app.offline.recipe import Recipe

Range: TypeAlias = tuple[bool | int | float | str, ...]
Optuna: TypeAlias = ModuleType

RANGES: Mapping[str, Range] = {
    "num_leaves": (7, 127),
    "learning_rate": (0.03, 0.3),
    "min_data_in_leaf": (5, 200),
    "feature_fraction": (0.4, 1.0),
    "bagging_fraction": (0.5, 1.0),
    "lambda_l2": (0.01, 30.0),
}
LOG_FROM = 10  # a range that spans a factor of ten is searched by its logarithm


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best that was found; the recipe's own where nothing was better."""

    recipe: Recipe
    best: Mapping[str, Any]  # parameter → value, of those searched; empty: the recipe's own
    before: float  # nDCG on the valid part with the recipe's own
    after: float
    trials: int

    def to_json(self) -> dict[str, Any]:
        return {
            "trials": self.trials,
            "valid_before": round(self.before, 4),
            "valid_after": round(self.after, 4),
            "parameters": dict(self.best),
        }

    def lines(self) -> list[str]:
        head = f"tuned in {self.trials} trials: valid nDCG {self.before:.4f} → {self.after:.4f}"
        if not self.best:
            return [f"{head}; the recipe's own parameters stay"]
        return [head, *(f"  {name} = {value}" for name, value in self.best.items())]


def tune(
    rows: TrainingSet,
    valid: TrainingSet,
    recipe: Recipe,
    trials: int,
    threads: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Tuned:
    """Try `trials` sets of parameters beside the recipe's own.

    Raises InvalidInput where optuna is not installed or a range cannot be searched.
    """
    optuna = require_optuna()
    ranges = {name: check_range(name, r) for name, r in (recipe.tune or RANGES).items()}
    before = fit(rows, valid, recipe, threads).valid_ndcg

    def attempt(trial: Any) -> float:
        chosen = {name: suggest(trial, name, r) for name, r in ranges.items()}
        score = fit(rows, valid, with_parameters(recipe, chosen), threads).valid_ndcg
        advance(1)
        return score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=recipe.seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(attempt, n_trials=trials)
    if study.best_value <= before:
        return Tuned(recipe, {}, before, before, trials)
    best = {name: _rounded(value) for name, value in study.best_params.items()}
    return Tuned(with_parameters(recipe, best), best, before, study.best_value, trials)


def require_optuna() -> Any:
    """Import optuna, or raise InvalidInput saying how to install it."""
    if find_spec("optuna") is None or find_spec("tomlkit") is None:  # tomlkit writes what was found
        raise InvalidInput(
            "--tune needs optuna and tomlkit; install them: pip install 'duolu[tune]'"
        )
    return import_module("optuna")


def check_range(name: str, values: Range) -> Range:
    """Return the values, or raise InvalidInput: [low, high] of numbers, or several choices."""
    if len(values) < 2:
        raise InvalidInput(f"[tune] {name} = {list(values)}: write [low, high], or the choices")
    ends = span(values)
    if ends and ends[0] >= ends[1]:
        raise InvalidInput(f"[tune] {name} = {list(values)}: the first must be below the second")
    return values


def span(values: Range) -> tuple[float, float] | None:
    """Return [low, high]; None for a list of choices."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return (numbers[0], numbers[1]) if len(values) == len(numbers) == 2 else None


def suggest(trial: Any, name: str, values: Range) -> Any:
    """Let optuna choose one value."""
    ends = span(values)
    if ends is None:
        return trial.suggest_categorical(name, values)
    low, high = ends
    by_log = low > 0 and high >= LOG_FROM * low
    if all(isinstance(v, int) for v in values):
        return trial.suggest_int(name, int(low), int(high), log=by_log)
    return _rounded(trial.suggest_float(name, low, high, log=by_log))


def with_parameters(recipe: Recipe, chosen: Mapping[str, Any]) -> Recipe:
    return recipe.model_copy(update={"parameters": {**recipe.parameters, **chosen}})


def recipe_text(text: str, best: Mapping[str, Any]) -> str:
    """Return a recipe's TOML with these parameters in it, its comments kept."""
    if not best:
        return text
    import tomlkit

    document = tomlkit.parse(text)
    table = document.setdefault("parameters", tomlkit.table())
    for name, value in best.items():
        table[name] = value
    return tomlkit.dumps(document)


def _rounded(value: Any) -> Any:
    """Four significant digits: what is tried is what a person can read and write down."""
    if not isinstance(value, float) or value == 0:
        return value
    return round(value, 3 - math.floor(math.log10(abs(value))))
