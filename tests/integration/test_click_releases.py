"""A click model released, used by a ranking release, refused where anything about it is wrong."""

import json
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.domain.errors import CorruptArtifact, DuoluError, FeatureMismatch
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.ctr.recipe import ClickRecipe
from app.offline.retention import release_stores
from app.rank.click_release import open_click_release
from app.rank.dependencies import uses_of
from app.rank.golden import Golden
from app.rank.graph import as_inputs
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker
from app.rank.release import open_release, refuse_if_foreign
from app.snapshot.artifact import read_manifest, remove_directory, seal
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows, make_snapshot
from tests.builders.click_models import make_click_release, tasteful_sessions
from tests.builders.releases import some_candidates
from tests.builders.requests import make_context

NAMES = ("model(ctr)", "attr(price)")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(120), tmp_path_factory.mktemp("world") / "s", channels=())


@pytest.fixture
def models(snapshot, tmp_path):
    store = ArtifactStore(tmp_path / "models" / "ctr", "release")
    make_click_release(snapshot, store, tasteful_sessions(snapshot, 120), tmp_path / "r.toml")
    return tmp_path / "models"


@pytest.fixture
def click_path(models):
    store = ArtifactStore(models / "ctr", "release")
    return store.path(store.current_id())


def make_ranking_release(snapshot, models, uses):
    """A ranking release whose only varied feature is what the click model says."""
    click = open_click_release(next(p for p in (models / "ctr").iterdir() if p.is_dir()))
    candidates = some_candidates(snapshot, np.random.default_rng(2), 60)
    features = FeatureSet(CATALOG, NAMES)
    ctx = make_context(snapshot, "火锅", client_id="u1", user_id="u1")
    inputs = gather(features.inputs, ctx, candidates, models=as_inputs({"ctr": click}))
    matrix = features.matrix(inputs, 60)
    data = lightgbm.Dataset(matrix, np.array(matrix[:, 0]))
    parameters = {"objective": "regression", "min_data_in_leaf": 1, "verbosity": -1}
    booster = lightgbm.train({**parameters, "num_threads": 1}, data, 20)
    store = ArtifactStore(models / "lambdarank", "release")
    built = store.building("one")
    (built / "model.txt").write_text(booster.model_to_string(), "utf-8")
    (built / "golden").mkdir()
    scores = LightGbmModel(booster, NAMES).predict(matrix)
    Golden(inputs, matrix, scores).save(built / "golden" / "0.npz")
    encoder_id = snapshot.encoder.id if snapshot.encoder else None
    seal(built, "release", {
        "id": "one", "features": list(NAMES), "uses": uses, "encoder_id": encoder_id,
        "analyzer_id": snapshot.analyzer.id,
    })  # fmt: skip
    return store.finish(built, "one"), ctx, candidates, scores


def test_a_ranking_release_opens_the_click_model_that_it_names(snapshot, models, click_path):
    path, ctx, candidates, scores = make_ranking_release(snapshot, models, {"ctr": click_path.name})
    release = open_release(path)
    refuse_if_foreign(release, snapshot)
    np.testing.assert_array_equal(LocalRanker.of(release, None).score(ctx, candidates), scores)
    assert uses_of(release.manifest) == {"ctr": click_path.name}
    assert {s.root.name for s in release_stores(models)} == {"ctr", "lambdarank"}


def test_another_click_model_being_published_changes_no_score(
    snapshot, models, click_path, tmp_path
):
    path, ctx, candidates, scores = make_ranking_release(snapshot, models, {"ctr": click_path.name})
    store = ArtifactStore(models / "ctr", "release")
    others = tasteful_sessions(snapshot, 120, seed=9)
    make_click_release(snapshot, store, others, tmp_path / "r.toml", now_ms=1_770_000_000_000)
    assert store.current_id() != click_path.name
    found = LocalRanker.of(open_release(path), None).score(ctx, candidates)
    np.testing.assert_array_equal(found, scores)


def test_a_dependency_that_is_missing_is_named(snapshot, models, click_path):
    for uses, said in (({}, "names no release of models/ctr"), ({"ctr": "gone"}, "ctr gone")):
        path, *_ = make_ranking_release(snapshot, models, uses)
        with pytest.raises((FeatureMismatch, CorruptArtifact), match=said):
            open_release(path)
        remove_directory(path)


def test_any_altered_file_of_a_click_model_refuses_both(snapshot, models, click_path):
    path, *_ = make_ranking_release(snapshot, models, {"ctr": click_path.name})
    files = [f for f in click_path.rglob("*") if f.is_file() and f.name != "manifest.json"]
    assert {f.suffix for f in files} >= {".npy", ".npz", ".json", ".toml", ".md"}
    for file in files:
        before = file.read_bytes()
        file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(CorruptArtifact, match=file.name):
            open_click_release(click_path)
        with pytest.raises(CorruptArtifact, match=f"uses ctr {click_path.name}, which is refused"):
            open_release(path)
        file.write_bytes(before)
    open_release(path)


@pytest.mark.parametrize(
    "change",
    [
        {"objective": "fm"}, {"objective": "svm"}, {"bits": 3}, {"bits": 10}, {"k": 3},
        {"request": ["query", "user", "term"]}, {"request": ["user", "query", "astrology"]},
        {"document": ["id"]},
    ],
)  # fmt: skip
def test_a_manifest_that_means_another_shape_is_refused(change, click_path):
    manifest = read_manifest(click_path, "release")
    shape = {**manifest["shape"], **change}
    seal(click_path, "release", {**manifest, "shape": shape})
    with pytest.raises(DuoluError):
        open_click_release(click_path)


def test_each_kind_of_release_is_refused_where_the_other_is_wanted(snapshot, models, click_path):
    path, *_ = make_ranking_release(snapshot, models, {"ctr": click_path.name})
    with pytest.raises(FeatureMismatch, match="click model and ranks nothing"):
        open_release(click_path)
    with pytest.raises(CorruptArtifact, match="no click model"):
        open_click_release(path)


def test_click_models_are_listed_published_and_rolled_back_by_name(models, click_path, tmp_path):
    def run(*words):
        found = CliRunner().invoke(
            app, [*words, "--models", str(models), "--data", str(tmp_path), "--json"]
        )
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    assert run("releases", "--model", "ctr")["current"] == click_path.name
    assert run("releases")["current"] is None
    said = run("publish", click_path.name, "--model", "ctr", "--force")
    assert said["published"] == click_path.name


def test_a_recipe_in_the_repository_is_one_that_trains():
    assert ClickRecipe.load(Path("models/ctr/recipe.toml")).name == "ctr"
