"""The ways to correct clicks for position side by side: the same lists, the same exam.

The exam weighs held-out clicks as the recipe corrects them. Where it corrects nothing, the clicks
that are asked about are as biased as those that were learned from, and speak for "none": what a
correction is worth is then better told by judgements, or by a recipe that corrects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidInput
from app.offline.clicks.strategies import STRATEGIES
from app.offline.dataset import TrainingSet
from app.offline.evaluate import Comparison, Variant, measure
from app.offline.fit import Fitted, fit
from app.offline.folds import Parts
from app.offline.judged import Judged
from app.offline.orders import ModelOrder, SharedFeatures
from app.offline.progress import Progress
from app.offline.recipe import Recipe
from app.offline.timeline import Timeline
from app.offline.weights import list_weights
from app.rank.lightgbm_model import LightGbmModel

Relabel = Callable[[Recipe], Sequence[Judged]]
"""Grades the same lists as another recipe would. Raises InvalidInput where it cannot."""

Assemble = Callable[[Sequence[Sequence[Judged]]], list[TrainingSet]]


@dataclass(frozen=True, slots=True)
class Corrections:
    """One model a strategy, measured on the same held-out lists."""

    own: str  # the recipe's: the release candidate
    comparison: Comparison  # a variant a strategy
    refused: Mapping[str, str]  # strategies that this log cannot teach, and why

    def to_json(self) -> dict[str, Any]:
        """Map strategy → the metric and its paired difference to the recipe's, or why not."""
        metric = self.comparison.metrics[0]
        found: dict[str, Any] = {
            name: {
                metric: str(self.comparison.interval(name, metric)),
                "difference": str(self.comparison.against(self.own, name, metric)),
            }
            for name in self.comparison.evaluations
        }
        return found | {name: {"refused": why} for name, why in self.refused.items()}

    def lines(self) -> list[str]:
        """Return a Markdown table, and what was refused."""
        metric, own = self.comparison.metrics[0], self.own
        table = [
            f"| {name}{' (the recipe)' if name == own else ''} "
            f"| {self.comparison.interval(name, metric)} "
            f"| {'' if name == own else self.comparison.against(own, name, metric)} |"
            for name in self.comparison.evaluations
        ]
        return [
            f"| debiasing | {metric} | − {own} (paired) |",
            "|---|---|---|",
            *table,
            *(f"{name} is refused: {why}" for name, why in self.refused.items()),
        ]


def compare_corrections(
    relabel: Relabel,
    assemble: Assemble,
    parts: Parts,
    timeline: Timeline,
    names: tuple[str, ...],
    recipe: Recipe,
    own: Fitted,
    threads: int,
    progress: Progress,
) -> Corrections:
    """Grade the fitting lists as each strategy would, fit, and measure all on the same test."""
    fitted: dict[str, Fitted] = {recipe.debias.method: own}
    refused: dict[str, str] = {}
    others = [name for name in STRATEGIES if name != recipe.debias.method]
    with progress.stage("corrections", len(others), "strategies") as advance:
        for name in others:
            asked = _corrected_by(name, recipe)
            try:
                rows = assemble(_same_lists(relabel(asked), parts))
                fitted[name] = fit(rows[0], rows[1], asked, threads)
            except InvalidInput as why:
                refused[name] = str(why)
            advance(1)
    shared = SharedFeatures(names)
    variants = [
        Variant(name, ModelOrder(shared, LightGbmModel.of(f.booster, names, f.rounds)))
        for name, f in fitted.items()
    ]
    with progress.stage("compare", len(parts.test), "queries") as advance:
        comparison = measure(
            parts.test, timeline, variants, (recipe.gate.metric,), recipe.seed, advance,
            weights=list_weights(parts.test),
        )  # fmt: skip
    return Corrections(recipe.debias.method, comparison, refused)


def _corrected_by(method: str, recipe: Recipe) -> Recipe:
    debias = recipe.debias.model_copy(update={"method": method})
    return recipe.model_copy(update={"debias": debias})


def _same_lists(judged: Sequence[Judged], parts: Parts) -> list[list[Judged]]:
    """The fitting lists of `parts`, as they were graded this time."""
    by_qid = {one.qid: one for one in judged}
    return [[by_qid[one.qid] for one in part if one.qid in by_qid] for part in parts.fitting]
