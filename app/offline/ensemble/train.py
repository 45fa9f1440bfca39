"""From named releases to an ensemble's release: combined, measured beside its members, gated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.domain.arrays import F32
from app.domain.errors import InvalidInput
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.ensemble.members import Built, Chosen, as_contenders, choose, combined, uses_of
from app.offline.ensemble.recipe import EnsembleRecipe
from app.offline.ensemble.release import write_ensemble
from app.offline.exam import Exam, examine
from app.offline.folds import Parts, cut
from app.offline.gate import Verdict, judge
from app.offline.judged import Judged
from app.offline.labelled import JudgedBy
from app.offline.progress import Progress, Silent
from app.offline.timeline import Logged, Timeline
from app.offline.used import open_used
from app.offline.workflow import read_lists, take_in
from app.offline.workplace import Workplace
from app.rank.ensemble import union
from app.rank.lightgbm_model import LightGbmModel
from app.rank.names import ReleaseNames


@dataclass(frozen=True, slots=True)
class TrainedEnsemble:
    """What combining gave."""

    release_id: str
    recipe: EnsembleRecipe
    members: tuple[Chosen, ...]
    exam: Exam
    verdict: Verdict
    lists: int  # held out, that no member has seen


def train_ensemble(
    place: Workplace,
    recipe_file: Path,
    labels: JudgedBy,
    *,
    now_ms: int,
    max_groups: int | None = None,
    progress: Progress | None = None,
) -> TrainedEnsemble:
    """Combine the recipe's members and write a release. Publishing is a step of its own."""
    labels.check()
    ensemble, progress = EnsembleRecipe.load(recipe_file), progress or Silent()
    snapshot = place.snapshot()
    names = ReleaseNames(place.models, place.settings.rank.model)
    chosen = choose(ensemble.members, names, snapshot)
    recipe = ensemble.as_ranker(union([c.trees.feature_names for c in chosen]), max_groups)
    events = take_in(place, labels, snapshot, now_ms, progress)
    found = read_lists(place, labels, recipe, events, now_ms)
    asked = uses_of(chosen)
    used = open_used(asked, place.models, asked, snapshot, events)
    parts = cut(used.unseen(found.judged), recipe)
    twins, test = _fair(chosen, parts.test)
    with place.past(events, snapshot) as past:
        timeline = Timeline(
            place.settings, snapshot, place.tables(snapshot), events,
            recipe.sampling.time_blocks, Logged(place.stores.impressions, past), used,
        )  # fmt: skip
        lists = [*parts.fitting[0], *parts.fitting[1], *test][-ensemble.scale_lists :]
        with progress.stage("scales", len(lists), "lists"):
            built = _built(chosen, twins, timeline, lists, ensemble.combine)
        releases = place.releases_of(ensemble.name)
        with progress.stage("evaluate", len(test), "queries") as advance:
            exam = examine(
                found.judged, test, timeline, built.measured, releases, recipe, now_ms, advance,
                as_contenders(chosen, twins, len(test)),
            )  # fmt: skip
        verdict = judge(exam.evidence(Parts(parts.fitting, test), recipe), recipe.gate)
        release_id = write_ensemble(
            releases, built, ensemble, timeline, Parts(parts.fitting, test), exam, verdict,
            recipe_file=recipe_file, now_ms=now_ms,
        )  # fmt: skip
    return TrainedEnsemble(release_id, ensemble, tuple(chosen), exam, verdict, len(test))


def _fair(
    chosen: Sequence[Chosen], test: Sequence[Judged]
) -> tuple[list[LightGbmModel], list[Judged]]:
    """Return each member as it may be measured, and the lists that none of them has seen."""
    may = np.ones(len(test), np.bool_)
    models = []
    for one in chosen:
        model, may_judge = one.fair(test)
        models.append(model)
        may &= may_judge
    if not may.any():
        raise InvalidInput(
            f"the members were trained on each of the {len(test)} held-out lists, so that nothing "
            "is left to measure on; wait for newer lists, or train members with the same split"
        )
    return models, [one for one, yes in zip(test, may, strict=True) if yes]


def _built(
    chosen: Sequence[Chosen],
    twins: Sequence[LightGbmModel],
    timeline: Timeline,
    lists: Sequence[Judged],
    combine: str,
) -> Built:
    own = [one.trees for one in chosen]
    released, measured = (
        combined(chosen, models, _candidates(timeline, lists, models), combine)
        for models in (own, twins)
    )
    return Built(tuple(chosen), tuple(twins), released, measured)


def _candidates(
    timeline: Timeline, lists: Sequence[Judged], models: Sequence[LightGbmModel]
) -> F32:
    """Features of all that these lists' searches recall, as serving would rank it. (n, d)"""
    features = FeatureSet(CATALOG, union([model.feature_names for model in models]))
    blocks = [np.empty((0, len(features.names)), np.float32)]
    for replay, block in timeline.replays(lists):
        for one in block:
            replayed = replay.candidates(one.request, one.now_ms, {})
            n = len(replayed.candidates)
            if n:
                inputs = gather(
                    features.inputs, replayed.ctx, replayed.candidates, models=replay.models
                )
                blocks.append(features.matrix(inputs, n))
    rows = np.concatenate(blocks)
    if not len(rows):
        raise InvalidInput("no search of the lists found anything: nothing to lay out scales by")
    return rows
