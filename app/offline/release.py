"""Write a release: model text, recipe, golden rows, metrics and report, sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.clicks.correction import DebiasReport
from app.offline.exam import Exam
from app.offline.fit import Fitted
from app.offline.folds import Parts
from app.offline.gate import Verdict
from app.offline.plots import draw_all
from app.offline.recipe import Recipe
from app.offline.report import report
from app.offline.seen import Seen
from app.offline.timeline import Timeline
from app.rank.golden import Golden
from app.rank.golden_leaves import complete, golden_line
from app.rank.lightgbm_model import LightGbmModel
from app.rank.release import TWIN, RankingModel
from app.snapshot.artifact import seal
from app.snapshot.store import ArtifactStore, new_id

GOLDEN_QUERIES = 8
GOLDEN_ROWS = 32


def write_release(
    releases: ArtifactStore,
    fitted: Fitted,
    features: FeatureSet,
    timeline: Timeline,
    parts: Parts,
    measured: LightGbmModel,
    exam: Exam,
    verdict: Verdict,
    gains: Mapping[str, float],
    groups: Mapping[str, int],
    varying: int,
    *,
    recipe: Recipe,
    recipe_text: str,
    now_ms: int,
    debias: DebiasReport | None = None,
    beside: Sequence[str] = (),
) -> str:
    """Return the id of a finished, unpublished release. `debias`: how clicks were corrected.

    `beside`: lines for the report on what was measured beside.
    """
    positions = debias.known() if debias else []
    release_id = new_id(now_ms)
    built = releases.building(release_id)
    (built / "model.txt").write_text(fitted.text(), "utf-8")
    (built / "recipe.toml").write_text(recipe_text, "utf-8")
    model = LightGbmModel.of(fitted.booster, features.names, fitted.rounds)
    golden = write_goldens(built, model, features, timeline, parts)
    _write_twin(built, measured, parts, recipe)
    drawn = draw_all(built, exam, gains, recipe.gate.min_paired_queries, positions)
    (built / "report.md").write_text(
        report(
            release_id, exam, verdict, gains, groups, varying, fitted, recipe, timeline, drawn,
            positions, debias, beside,
        )
        + f"\n## Golden rows\n\n{golden_line(golden)}\n",
        "utf-8",
    )  # fmt: skip
    seal(
        built,
        "release",
        {
            **_facts(release_id, features, timeline, exam, groups, recipe, now_ms),
            **({"trained_elsewhere": fitted.elsewhere} if fitted.elsewhere else {}),
            "held_out_features": list(measured.feature_names),
            "golden": golden,
            "gate": verdict.to_json(),
            "debias": None if debias is None else debias.to_json(),
        },
    )
    releases.finish(built, release_id)
    return release_id


def _facts(
    release_id: str,
    features: FeatureSet,
    timeline: Timeline,
    exam: Exam,
    groups: Mapping[str, int],
    recipe: Recipe,
    now_ms: int,
) -> dict[str, Any]:
    return {
        **ranking_facts(release_id, features, timeline, exam, now_ms),
        "groups": dict(groups),
        "recipe": recipe.model_dump(),  # as it was used: options may have limited the file's
        "calibration": exam.calibration.to_json() if exam.calibration else None,
    }


def ranking_facts(
    release_id: str, features: FeatureSet, timeline: Timeline, exam: Exam, now_ms: int
) -> dict[str, Any]:
    """Return what the manifest of every release says that ranks."""
    snapshot, p95_ms = timeline.snapshot, exam.rank_p95_ms
    return {
        "id": release_id,
        "features": list(features.names),
        "uses": timeline.uses_of(features),
        "analyzer_id": snapshot.analyzer.id,
        "encoder_id": snapshot.encoder.id if snapshot.encoder else None,
        "trained_on": {"snapshot_id": snapshot.id, "tables_id": timeline.tables.id},
        "built_at_ms": now_ms,
        "metrics": exam.comparison.to_json(),
        "rank_p95_ms": round(p95_ms, 2) if np.isfinite(p95_ms) else None,
        "versions": {"lightgbm": version("lightgbm"), "duolu": version("duolu")},
    }


def _write_twin(built: Path, measured: LightGbmModel, parts: Parts, recipe: Recipe) -> None:
    """Keep the model that was measured, and which lists each of the two was trained on."""
    fitted_on = [*parts.fitting[0], *parts.fitting[1]]
    Seen.of(fitted_on, [*fitted_on, *parts.test] if recipe.split.refit else fitted_on).save(built)
    (built / TWIN).write_text(measured.booster.model_to_string(), "utf-8")


def write_goldens(
    built: Path, model: RankingModel, features: FeatureSet, timeline: Timeline, parts: Parts
) -> dict[str, int]:
    """Keep what went in and came out for a few requests of training, and a row for each leaf.

    Returns what the manifest says of them.
    """
    (built / "golden").mkdir()
    some = (parts.test or parts.fitting[0])[:GOLDEN_QUERIES]
    goldens: list[Golden] = []
    for replay, block in timeline.replays(some):
        for one in block:
            replayed = replay.candidates(one.request, one.now_ms, {})
            few = replayed.candidates.take(np.arange(min(GOLDEN_ROWS, len(replayed.candidates))))
            if not len(few):
                continue
            inputs = gather(features.inputs, replayed.ctx, few, models=replay.models)
            matrix = features.matrix(inputs, len(few))
            goldens.append(Golden(inputs, matrix, model.predict(matrix)))
    for number, golden in enumerate(goldens):
        golden.save(built / "golden" / f"{number}.npz")
    return complete(goldens, model, built / "golden")
