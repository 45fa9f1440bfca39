"""Write an ensemble's release: members, scales, golden rows, what each has seen, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.ensemble.members import Built
from app.offline.ensemble.recipe import EnsembleRecipe
from app.offline.exam import Exam
from app.offline.folds import Parts
from app.offline.gate import Verdict
from app.offline.release import ranking_facts, write_goldens
from app.offline.report import metric_lines, slice_lines, verdict_lines
from app.offline.seen import Seen
from app.offline.timeline import Timeline
from app.rank.ensemble import HELD_OUT, KIND, RELEASED, SCALES, EnsembleModel
from app.snapshot.artifact import seal
from app.snapshot.store import ArtifactStore, new_id


def write_ensemble(
    releases: ArtifactStore,
    built: Built,
    recipe: EnsembleRecipe,
    timeline: Timeline,
    parts: Parts,
    exam: Exam,
    verdict: Verdict,
    *,
    recipe_file: Path,
    now_ms: int,
) -> str:
    """Return the id of a finished, unpublished release."""
    release_id = new_id(now_ms)
    folder = releases.building(release_id)
    features = FeatureSet(CATALOG, built.released.feature_names)
    _write_models(folder, RELEASED, built.released)
    _write_models(folder, HELD_OUT, built.measured)
    np.savez(
        folder / SCALES, **_scales(RELEASED, built.released), **_scales(HELD_OUT, built.measured)
    )
    (folder / "recipe.toml").write_bytes(recipe_file.read_bytes())
    _seen_by([one.path for one in built.members]).save(folder)
    golden = write_goldens(folder, built.released, features, timeline, parts)
    text = _report(release_id, built, recipe, exam, verdict)
    (folder / "report.md").write_text(text, "utf-8")
    seal(
        folder,
        "release",
        {
            **ranking_facts(release_id, features, timeline, exam, now_ms),
            "model_kind": KIND,
            "combine": recipe.combine,
            "members": _members(built),
            "held_out_features": list(built.measured.feature_names),
            "recipe": recipe.model_dump(),
            "golden": golden,
            "gate": verdict.to_json(),
        },
    )
    releases.finish(folder, release_id)
    return release_id


def _members(built: Built) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "model": one.model,
            "release_id": one.release.id,
            "weight": one.weight,
            "features": list(one.trees.feature_names),
            "held_out_features": list(twin.feature_names),
        }
        for one, twin in zip(built.members, built.twins, strict=True)
    ]


def _write_models(folder: Path, name: str, ensemble: EnsembleModel) -> None:
    (folder / name).mkdir()
    for i, member in enumerate(ensemble.members):
        (folder / name / f"{i}.txt").write_text(member.model.booster.model_to_string(), "utf-8")


def _scales(name: str, ensemble: EnsembleModel) -> dict[str, Any]:
    return {f"{name}:{i}": member.scale for i, member in enumerate(ensemble.members)}


def _seen_by(paths: Sequence[Path]) -> Seen:
    """Whatever a member has seen, the ensemble has."""
    seen = [found for path in paths if (found := Seen.open(path)) is not None]
    nothing = np.empty(0, np.uint64)
    return Seen(
        np.unique(np.concatenate([nothing, *(s.held_out for s in seen)])),
        np.unique(np.concatenate([nothing, *(s.released for s in seen)])),
    )


def _report(
    release_id: str, built: Built, recipe: EnsembleRecipe, exam: Exam, verdict: Verdict
) -> str:
    members = [
        f"| {one.name} | {one.model}/{one.release.id} | {one.weight:.3f} |" for one in built.members
    ]
    lines = [
        f"# Release {release_id}",
        "",
        f"An ensemble by {recipe.combine} over {len(built.released.feature_names)} features.",
        "",
        "| member | release | weight |",
        "|---|---|---|",
        *members,
        "",
        f"## Held-out queries ({exam.comparison.queries}), 95 % intervals",
        "",
        "No member was measured on a list that it has seen.",
        "",
        *metric_lines(exam.comparison),
        "",
        "## Gate",
        "",
        *verdict_lines(verdict),
        "",
        "## Slices",
        "",
        *slice_lines(exam, recipe.gate.min_paired_queries),
    ]
    return "\n".join(lines) + "\n"
