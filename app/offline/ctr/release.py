"""Write a click model's release: weights, recipe, golden rows, metrics and report, sealed."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from app.domain.query import Query
from app.offline.ctr.recipe import ClickRecipe
from app.offline.ctr.report import click_report
from app.offline.ctr.train import TrainedClicks
from app.rank.click_release import ClickGolden, shape_facts
from app.rank.factorization import FactorizationModel
from app.rank.hashed_fields import hash_request
from app.snapshot.artifact import seal
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore, new_id

GOLDEN_ROWS = 32
"""The first documents of the catalogue, for each golden request."""


def write_click_release(
    releases: ArtifactStore,
    trained: TrainedClicks,
    recipe: ClickRecipe,
    snapshot: Snapshot,
    *,
    recipe_file: Path,
    now_ms: int,
) -> str:
    """Return the id of a finished, unpublished release."""
    release_id = new_id(now_ms)
    built = releases.building(release_id)
    model = trained.fitted.model
    (built / "weights").mkdir()
    model.weights.save(built / "weights")
    (built / "golden").mkdir()
    for number, query in enumerate(trained.samples):
        _golden(model, query, snapshot).save(built / "golden", number)
    shutil.copyfile(recipe_file, built / "recipe.toml")
    text = click_report(release_id, trained, recipe, snapshot)
    (built / "report.md").write_text(text, "utf-8")
    seal(built, "release", _facts(release_id, trained, recipe, snapshot, now_ms))
    releases.finish(built, release_id)
    return release_id


def _golden(model: FactorizationModel, query: Query, snapshot: Snapshot) -> ClickGolden:
    rows = np.arange(min(GOLDEN_ROWS, len(snapshot)), dtype=np.int32)
    places = model.places(snapshot.documents)
    asked = hash_request(query, model.shape.request, model.shape.bits)
    logits = model.logits(query, places, rows)
    return ClickGolden(query, asked, places.slots[rows], logits)


def _facts(
    release_id: str, trained: TrainedClicks, recipe: ClickRecipe, snapshot: Snapshot, now_ms: int
) -> dict[str, Any]:
    parts = (trained.parts.fit, trained.parts.valid, trained.parts.test)
    return {
        "id": release_id,
        **shape_facts(trained.fitted.model.shape),
        "analyzer_id": snapshot.analyzer.id,
        "trained_on": {
            "snapshot_id": snapshot.id,
            "from_ms": min(int(p.ts_ms.min()) for p in parts),
            "to_ms": max(int(p.ts_ms.max()) for p in parts),
        },
        "built_at_ms": now_ms,
        "groups": trained.lists,
        "epochs": trained.fitted.epochs,
        "recipe": recipe.model_dump(),
        "metrics": {name: m.to_json() for name, m in trained.measured.items()},
        "differences": {name: [d.mean, d.low, d.high] for name, d in trained.differences.items()},
        "gate": {"passed": not trained.reasons, "reasons": list(trained.reasons)},
        "versions": {"numba": version("numba"), "duolu": version("duolu")},
    }
