"""Train: judged lists → rows → model → measured → release → published if it is good enough."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.domain.errors import InvalidInput
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.clicks.correction import DebiasReport
from app.offline.dataset import TrainingSet
from app.offline.evaluate import Comparison
from app.offline.exam import Exam, examine
from app.offline.fit import Fitted, fit, refit
from app.offline.folds import Parts, cut
from app.offline.gate import Verdict, judge
from app.offline.judged import Judged
from app.offline.progress import Progress, Silent
from app.offline.recipe import Recipe
from app.offline.release import write_release
from app.offline.timeline import Timeline
from app.rank.lightgbm_model import LightGbmModel
from app.settings import Settings
from app.snapshot.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class Trained:
    """What one training gave."""

    release_id: str
    exam: Exam  # on held-out queries: the model and everything it is held against
    verdict: Verdict  # whether the gate lets it serve
    features: dict[str, float]  # name → share of the gain, best first
    groups: dict[str, int]  # query groups in each part
    rows: int
    rounds: int
    varying: int  # features that were not constant over the rows to fit on
    seconds: dict[str, float] = field(default_factory=dict)
    log: dict[str, dict[str, int]] = field(default_factory=dict)  # how impressions were used
    debias: DebiasReport | None = None  # how clicks were corrected; None: no clicks

    @property
    def comparison(self) -> Comparison:
        return self.exam.comparison


def train(
    judged: Sequence[Judged],
    timeline: Timeline,
    recipe: Recipe,
    settings: Settings,
    releases: ArtifactStore,
    *,
    now_ms: int,
    recipe_file: Path,
    progress: Progress | None = None,
    debias: DebiasReport | None = None,
) -> Trained:
    """Train from judged lists and write a candidate release. Publishing is a step of its own.

    `debias` says how the lists were corrected, for the report.
    """
    progress = progress or Silent()
    snapshot = timeline.snapshot
    names = recipe.feature_names(snapshot.documents.schema, timeline.channels)
    features = FeatureSet(CATALOG, names)
    parts = cut(judged, recipe)
    threads = os.cpu_count() or 1
    with progress.stage("features", sum(map(len, parts.fitting)), "queries") as advance:
        rows = [
            timeline.assemble(part, features, recipe.negatives, recipe.seed, advance, releases.root)
            for part in parts.fitting
        ]
    _refuse_if_empty(rows, parts)
    with progress.stage("fit", None, "rounds") as advance:
        fitted = fit(rows[0], rows[1], recipe, threads)
        advance(fitted.rounds)
    with progress.stage("evaluate", len(parts.test), "queries") as advance:
        measured = LightGbmModel.of(fitted.booster, names, fitted.rounds)
        exam = examine(judged, parts.test, timeline, measured, releases, recipe, now_ms, advance)
    if recipe.split.refit:
        with progress.stage("refit", None, "rounds") as advance:
            rows.append(
                timeline.assemble(
                    parts.test,
                    features,
                    recipe.negatives,
                    recipe.seed,
                    lambda _: None,
                    releases.root,
                )
            )
            fitted, features = _refit(rows, recipe, features, fitted, threads)
            advance(fitted.rounds)
    verdict = judge(exam.evidence(parts, recipe), recipe.gate)
    varying = rows[0].varying()
    groups = {"fit": len(rows[0]), "valid": len(rows[1]), "test": len(parts.test)}
    gains = _gain_shares(features.names, fitted)
    release_id = write_release(
        releases, fitted, features, timeline, parts, measured, exam, verdict, gains, groups,
        varying, recipe=recipe, recipe_file=recipe_file, now_ms=now_ms, debias=debias,
    )  # fmt: skip
    count = sum(int(part.sizes.sum()) for part in rows)
    return Trained(
        release_id, exam, verdict, gains, groups, count, fitted.rounds, varying, debias=debias
    )


def _refit(
    rows: Sequence[TrainingSet], recipe: Recipe, features: FeatureSet, fitted: Fitted, threads: int
) -> tuple[Fitted, FeatureSet]:
    """Train on all rows with the rounds found, on the features that the first model split on.

    The others would be computed for every candidate of every search, for nothing.
    """
    used = np.flatnonzero(fitted.gains() > 0)
    if not used.size:
        used = np.arange(len(features.names))
    names = tuple(features.names[j] for j in used)
    return refit(rows, used, recipe, fitted, threads), FeatureSet(CATALOG, names)


def _gain_shares(names: Sequence[str], fitted: Fitted) -> dict[str, float]:
    gains = fitted.gains()
    total = float(gains.sum()) or 1.0
    order = sorted(range(len(names)), key=lambda j: (-gains[j], j))
    return {names[j]: round(float(gains[j]) / total, 6) for j in order}


def _refuse_if_empty(rows: Sequence[TrainingSet], parts: Parts) -> None:
    for name, part, judged in zip(("fit", "valid"), rows, parts.fitting, strict=True):
        if not len(part):
            raise InvalidInput(
                f"no query group to {name} on: of {len(judged)} judged lists none has a document "
                "that is better than another; give more clicks or judgements"
            )
