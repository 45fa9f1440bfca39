"""The families of learning to rank side by side: the same rows, the same split, the same exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.offline.confidence import Interval
from app.offline.dataset import TrainingSet
from app.offline.evaluate import Comparison, Variant, measure
from app.offline.fit import Fitted, fit
from app.offline.judged import Judged
from app.offline.objectives import FAMILIES, OBJECTIVES
from app.offline.orders import ModelOrder, SharedFeatures
from app.offline.progress import Progress
from app.offline.recipe import Objective, Recipe
from app.offline.timeline import Timeline
from app.offline.weights import list_weights
from app.rank.lightgbm_model import LightGbmModel


@dataclass(frozen=True, slots=True)
class Families:
    """One model an objective, measured on the same held-out lists."""

    own: Objective  # the recipe's: the release candidate
    comparison: Comparison  # a variant an objective
    trees: Mapping[str, int]

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Map objective → family, trees, the metric and its paired difference to the recipe's."""
        metric = self.comparison.metrics[0]
        return {
            name: {
                "family": FAMILIES[name],
                "trees": self.trees[name],
                metric: _ends(self.comparison.interval(name, metric)),
                "difference": _ends(self.comparison.against(self.own, name, metric)),
            }
            for name in OBJECTIVES
        }

    def lines(self) -> list[str]:
        """Return a Markdown table, best first."""
        metric, own = self.comparison.metrics[0], self.own
        best_first = sorted(OBJECTIVES, key=lambda n: -self.comparison.interval(n, metric).mean)
        return [
            f"| objective | family | trees | {metric} | − {own} (paired) |",
            "|---|---|---|---|---|",
            *(
                f"| {name}{' (the recipe)' if name == own else ''} | {FAMILIES[name]} "
                f"| {self.trees[name]} | {self.comparison.interval(name, metric)} "
                f"| {'' if name == own else self.comparison.against(own, name, metric)} |"
                for name in best_first
            ),
        ]


def compare_families(
    rows: Sequence[TrainingSet],
    test: Sequence[Judged],
    timeline: Timeline,
    names: tuple[str, ...],
    recipe: Recipe,
    own: Fitted,
    threads: int,
    progress: Progress,
) -> Families:
    """Fit every objective on rows[0], stop it on rows[1], and measure all on `test`.

    `own` is the recipe's, fitted already. Parameters are the recipe's for all.
    """
    fitted = {recipe.objective: own}
    others = [name for name in OBJECTIVES if name != recipe.objective]
    with progress.stage("families", len(others), "objectives") as advance:
        for name in others:
            asked = recipe.model_copy(update={"objective": name})
            fitted[name] = fit(rows[0], rows[1], asked, threads)
            advance(1)
    shared = SharedFeatures(names)
    variants = [
        Variant(name, ModelOrder(shared, LightGbmModel.of(f.booster, names, f.rounds)))
        for name, f in fitted.items()
    ]
    with progress.stage("compare", len(test), "queries") as advance:
        comparison = measure(
            test, timeline, variants, (recipe.gate.metric,), recipe.seed, advance,
            weights=list_weights(test),
        )  # fmt: skip
    return Families(recipe.objective, comparison, {n: f.rounds for n, f in fitted.items()})


def _ends(interval: Interval) -> list[float]:
    return [round(x, 4) for x in (interval.mean, interval.low, interval.high)]
