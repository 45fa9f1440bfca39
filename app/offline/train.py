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
from app.offline.corrections import Corrections, Relabel, compare_corrections
from app.offline.dataset import TrainingSet
from app.offline.elsewhere import Elsewhere, as_it_is
from app.offline.evaluate import Comparison
from app.offline.exam import Exam, examine
from app.offline.families import Families, compare_families
from app.offline.fit import Fitted, fit, refit
from app.offline.folds import Parts, cut
from app.offline.gate import Verdict, judge
from app.offline.judged import Judged
from app.offline.progress import Progress, Silent
from app.offline.recipe import Negatives, Recipe
from app.offline.release import write_release
from app.offline.timeline import Timeline
from app.offline.tune import Tuned, recipe_text, tune
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
    tuned: Tuned | None = None
    families: Families | None = None
    corrections: Corrections | None = None
    elsewhere: str = ""  # the file of a model that was not fitted here

    @property
    def comparison(self) -> Comparison:
        return self.exam.comparison


@dataclass(frozen=True, slots=True)
class Work:
    """What every step of one training needs."""

    timeline: Timeline
    parts: Parts
    features: FeatureSet
    scratch: Path
    threads: int
    progress: Progress

    def rows(
        self, stage: str, parts: Sequence[Sequence[Judged]], seed: int, negatives: Negatives
    ) -> list[TrainingSet]:
        """Training rows of some parts."""
        with self.progress.stage(stage, sum(map(len, parts)), "queries") as advance:
            return [
                self.timeline.assemble(part, self.features, negatives, seed, advance, self.scratch)
                for part in parts
            ]


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
    trials: int = 0,
    all_families: bool = False,
    debias: DebiasReport | None = None,
    relabel: Relabel | None = None,
    elsewhere: Elsewhere | None = None,
) -> Trained:
    """Train from judged lists and write a candidate release. Publishing is a step of its own.

    `trials` sets of parameters are tried first, `all_families` measures every objective beside,
    `debias` says how the lists were corrected; with `relabel` every way to correct is measured.
    `elsewhere` is taken as it is, in place of a model that is fitted.
    """
    names = recipe.feature_names(timeline.snapshot.documents.schema, timeline.channels)
    if elsewhere:
        names, recipe = elsewhere.features(names), as_it_is(recipe)
    work, rows = prepare(judged, timeline, names, recipe, releases.root, progress or Silent())
    features, parts, progress = work.features, work.parts, work.progress
    tuned = _tuned(rows, recipe, trials, work)
    recipe = tuned.recipe if tuned else recipe
    fitted = elsewhere.fitted if elsewhere else _fitted(rows, recipe, work)
    with progress.stage("evaluate", len(parts.test), "queries") as advance:
        measured = LightGbmModel.of(fitted.booster, names, fitted.rounds)
        exam = examine(judged, parts.test, timeline, measured, releases, recipe, now_ms, advance)
    families = _families(rows, recipe, fitted, work) if all_families else None
    corrections = _corrections(relabel, recipe, fitted, work) if relabel else None
    if recipe.split.refit:
        rows += work.rows("features", [parts.test], recipe.seed, recipe.negatives)
        fitted, features = _refit(rows, recipe, features, fitted, work)
    verdict = judge(exam.evidence(parts, recipe), recipe.gate)
    varying, gains = rows[0].varying(), _gain_shares(features.names, fitted)
    groups = _groups(rows, parts)
    text = recipe_text(recipe_file.read_text("utf-8"), tuned.best if tuned else {})
    release_id = write_release(
        releases, fitted, features, timeline, parts, measured, exam, verdict, gains, groups,
        varying, recipe=recipe, recipe_text=text, now_ms=now_ms, debias=debias,
        beside=_beside(families, corrections),
    )  # fmt: skip
    return Trained(
        release_id, exam, verdict, gains, groups, sum(len(part.labels) for part in rows),
        fitted.rounds, varying, log={"left_out": _left_out(judged, parts, rows)},
        debias=debias, tuned=tuned, families=families, corrections=corrections,
        elsewhere=fitted.elsewhere,
    )  # fmt: skip


def prepare(
    judged: Sequence[Judged],
    timeline: Timeline,
    names: tuple[str, ...],
    recipe: Recipe,
    scratch: Path,
    progress: Progress,
) -> tuple[Work, list[TrainingSet]]:
    """Cut the lists into parts, and return the rows to fit and to stop on.

    Raises InvalidInput where one of the two has none.
    """
    features, parts = FeatureSet(CATALOG, names), cut(judged, recipe)
    work = Work(timeline, parts, features, scratch, os.cpu_count() or 1, progress)
    rows = work.rows("features", parts.fitting, recipe.seed, recipe.negatives)
    _refuse_if_empty(rows, parts)
    return work, rows


def _fitted(rows: Sequence[TrainingSet], recipe: Recipe, work: Work) -> Fitted:
    with work.progress.stage("fit", None, "rounds") as advance:
        fitted = fit(rows[0], rows[1], recipe, work.threads)
        advance(fitted.rounds)
    return fitted


def _groups(rows: Sequence[TrainingSet], parts: Parts) -> dict[str, int]:
    return {"fit": len(rows[0]), "valid": len(rows[1]), "test": len(parts.test)}


def _tuned(rows: Sequence[TrainingSet], recipe: Recipe, trials: int, work: Work) -> Tuned | None:
    if not trials:
        return None
    with work.progress.stage("tune", trials, "trials") as advance:
        return tune(rows[0], rows[1], recipe, trials, work.threads, advance)


def _families(rows: Sequence[TrainingSet], recipe: Recipe, own: Fitted, work: Work) -> Families:
    return compare_families(
        rows, work.parts.test, work.timeline, work.features.names, recipe, own, work.threads,
        work.progress,
    )  # fmt: skip


def _corrections(relabel: Relabel, recipe: Recipe, own: Fitted, work: Work) -> Corrections:
    def assemble(parts: Sequence[Sequence[Judged]]) -> list[TrainingSet]:
        return work.rows("features", parts, recipe.seed, recipe.negatives)

    return compare_corrections(
        relabel, assemble, work.parts, work.timeline, work.features.names, recipe, own,
        work.threads, work.progress,
    )  # fmt: skip


def _beside(families: Families | None, corrections: Corrections | None) -> list[str]:
    """What --compare measured, as Markdown."""
    found = [f.lines() for f in (families, corrections) if f]
    return [line for lines in found for line in (*lines, "")]


def _refit(
    rows: Sequence[TrainingSet], recipe: Recipe, features: FeatureSet, fitted: Fitted, work: Work
) -> tuple[Fitted, FeatureSet]:
    """Train on all rows with the rounds found, on the features that the first model split on.

    The others would be computed for every candidate of every search, for nothing.
    """
    used = np.flatnonzero(fitted.gains() > 0)
    if not used.size:
        used = np.arange(len(features.names))
    names = tuple(features.names[j] for j in used)
    with work.progress.stage("refit", None, "rounds") as advance:
        again = refit(rows, used, recipe, fitted, work.threads)
        advance(again.rounds)
    return again, FeatureSet(CATALOG, names)


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


def _left_out(
    judged: Sequence[Judged], parts: Parts, rows: Sequence[TrainingSet]
) -> dict[str, int]:
    """Count the lists that taught nothing, by reason."""
    useful = sum(one.is_useful for one in judged)
    chosen = [*parts.fitting, parts.test]
    assembled = list(zip(chosen, rows, strict=False))  # the test part only where it was refit on
    return {
        "lists_with_nothing_better_than_the_rest": len(judged) - useful,
        "lists_beyond_max_groups": useful - sum(map(len, chosen)),
        "lists_graded_alike_or_of_documents_not_in_the_catalogue": sum(
            len(part) - len(some) for part, some in assembled
        ),
    }
