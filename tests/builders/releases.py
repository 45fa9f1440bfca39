"""Real releases: small models with golden rows, of one catalogue number or of many inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np

from app.domain.candidates import CandidateSet
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.rank.golden import Golden
from app.rank.golden_leaves import complete
from app.rank.graph import as_inputs
from app.rank.lightgbm_model import LightGbmModel
from app.rank.proofs import Proofs
from app.rank.release import open_release
from app.snapshot.artifact import seal
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from tests.builders.requests import make_context

TREES = {"objective": "regression", "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbosity": -1}
WIDE = (
    "bm25(title)", "coverage(text)", "bm25_of_best(title)", "cosine", "cosine_behind_best",
    "hit_score(lexical)", "hit_rank(vector)", "hit_count", "candidates", "query_rarity",
    "affinity(category)", "user_gain_log", "hours_since_user_acted", "price_away_from_usual",
    "distance_km", "distance_behind_nearest", "doc_age_log", "attr(price)",
    "intent(category)", "intent_of_top(tags)", "intent_known(brand)", "intent_entropy(category)",
)  # fmt: skip


def make_release(
    snapshot: Snapshot, store: ArtifactStore, release_id: str, field: str, sign: float = 1.0
) -> None:
    """Finish, but do not publish, a release that orders by `field`: dearest first at +1."""
    rows = np.arange(len(snapshot), dtype=np.int32)
    everything = CandidateSet(
        rows, np.zeros(rows.size, np.float32), ("lexical",),
        np.full((rows.size, 1), np.nan, np.float32), np.zeros((rows.size, 1), np.int16),
    )  # fmt: skip
    features = FeatureSet(CATALOG, (f"attr({field})",))
    inputs = gather(features.inputs, make_context(snapshot), everything)
    matrix = features.matrix(inputs, rows.size)
    booster = lightgbm.train(
        {**TREES, "num_threads": 1}, lightgbm.Dataset(matrix, sign * matrix[:, 0]), 30
    )
    _finish(store, release_id, snapshot, features, inputs, booster)


def make_wide_release(
    snapshot: Snapshot,
    store: ArtifactStore,
    release_id: str,
    names: Sequence[str] = WIDE,
    seed: int = 7,
    uses: Mapping[str, str] | None = None,
) -> None:
    """Finish and publish a release that reads query, person, documents, pairs, hits and the list.

    Its trees fit noise, so that every feature decides somewhere. `uses`: model → release beside it.
    """
    used = {m: open_release(store.root.parent / m / i) for m, i in (uses or {}).items()}
    rng = np.random.default_rng(seed)
    candidates = some_candidates(snapshot, rng)
    features = FeatureSet(CATALOG, names)
    ctx = make_context(snapshot, "火锅 tea", origin=(31.2, 121.4))
    inputs = gather(features.inputs, ctx, candidates, models=as_inputs(used))
    seen = features.matrix(inputs, len(candidates))
    drawn = rng.permuted(np.repeat(seen, 40, axis=0), axis=0)  # each column by itself
    random = np.where(np.isnan(drawn), rng.normal(size=drawn.shape), drawn)
    booster = lightgbm.train(
        {**TREES, "num_threads": 1}, lightgbm.Dataset(random, rng.normal(size=len(random))), 10
    )
    _finish(store, release_id, snapshot, features, inputs, booster, uses)
    store.publish(release_id)


def some_candidates(snapshot: Snapshot, rng: np.random.Generator, n: int = 50) -> CandidateSet:
    """n random rows as three channels might have brought them."""
    rows = rng.permutation(len(snapshot))[:n].astype(np.int32)
    shape = (rows.size, 3)
    ranks = rng.integers(0, 40, shape).astype(np.int16)
    scores = np.where(ranks > 0, rng.gamma(2, 3, shape), np.nan).astype(np.float32)
    fused = -np.sort(-rng.random(rows.size)).astype(np.float32)
    return CandidateSet(rows, fused, ("lexical", "vector", "geo"), scores, ranks)


def _finish(
    store: ArtifactStore,
    release_id: str,
    snapshot: Snapshot,
    features: FeatureSet,
    inputs: Mapping[str, Any],
    booster: Any,
    uses: Mapping[str, str] | None = None,
) -> None:
    n = max(np.size(value) for value in inputs.values())
    matrix = features.matrix(inputs, n)
    model = LightGbmModel(booster, features.names)
    golden = Golden(inputs, matrix, model.predict(matrix))
    built = store.building(release_id)
    (built / "model.txt").write_text(booster.model_to_string(), "utf-8")
    (built / "golden").mkdir()
    golden.save(built / "golden" / "0.npz")
    facts = {
        "id": release_id,
        "golden": complete([golden], model, built / "golden"),
        "features": list(features.names),
        "uses": dict(uses or {}),
        "analyzer_id": snapshot.analyzer.id,
        "encoder_id": snapshot.encoder.id if snapshot.encoder else None,
    }
    seal(built, "release", facts)
    store.finish(built, release_id)
    Proofs(store).add(release_id)  # what the canary would find, without its second
