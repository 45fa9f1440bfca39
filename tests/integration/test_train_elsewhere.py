"""Rows go out, a model that was trained elsewhere comes in: `duolu train --rows` and `--model`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.domain.errors import InvalidInput
from app.offline import training_files
from app.offline.dataset import TrainingSet
from app.offline.elsewhere import MAY_HAVE_SEEN, open_elsewhere
from app.offline.lightgbm_rows import lightgbm_dataset
from app.offline.training_files import write_rows
from app.rank.golden import Golden
from app.rank.release import open_release
from tests.builders.behaviour import make_sessions
from tests.builders.impressions import append, make_place

ROOT = Path(__file__).parents[2]
NAMES = ("bm25(title)", "cosine", "user_gain_log", "doc_ctr", "hit_count", "attr(price)")
RECIPE = f"""features = {json.dumps(NAMES)}
rounds = 5
[parameters]
num_leaves = 5
[gate]
min_difference = -1.0
min_clicked_lists = 1
max_rank_ms = 10000.0
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    place = make_place(root)
    append(place, make_sessions(place.snapshot()))
    (root / "recipe.toml").write_text(RECIPE)
    return root


def duolu(root, *options):
    """Run the command; return its exit code and what it printed."""
    command = ["train", str(root / "recipe.toml"), "--data", str(root / "data"),
               "--models", str(root / "models"), "--json", *map(str, options)]  # fmt: skip
    return CliRunner().invoke(app, command, catch_exceptions=True)


def given(root, *options):
    done = duolu(root, *options)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return json.loads(done.stdout)


def save_model(file, names, parameters=None, seed=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, len(names)))
    x[:, 0] = rng.integers(0, 4, 400)
    settings = {"objective": "regression", "verbosity": -1, "num_threads": 1, "num_leaves": 7}
    settings |= parameters or {}
    categories = settings.pop("categorical_feature", "auto")
    y = 9 * (x[:, 0] % 2) + x.sum(axis=1)
    data = lightgbm.Dataset(
        x, y, feature_name=list(names), categorical_feature=categories, params=settings
    )
    lightgbm.train(settings, data, 8).save_model(file)
    return file


def test_the_example_of_the_documents_makes_a_model_that_is_released_and_scores_as_it_did(root):
    told = given(root, "--rows", root / "rows")
    assert tuple(told["features"]) == NAMES
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    subprocess.run([sys.executable, "-c", example], cwd=root, check=True, capture_output=True)
    found = given(root, "--model", root / "model.txt", "--publish")
    assert found["published"]
    assert found["trained_elsewhere"].startswith("model.txt (sha256 ")
    path = root / "models" / "lambdarank" / found["release_id"]
    release, booster = open_release(path), lightgbm.Booster(model_file=root / "model.txt")
    assert release.features.names == NAMES
    assert release.manifest["trained_elsewhere"] == found["trained_elsewhere"]
    assert MAY_HAVE_SEEN in (path / "report.md").read_text()
    goldens = [Golden.open(file) for file in (path / "golden").glob("*.npz")]
    assert len(goldens) > 1
    for golden in goldens:
        said = booster.predict(golden.features, raw_score=True).astype(np.float32)
        np.testing.assert_array_equal(release.model.predict(golden.features), said)
        np.testing.assert_array_equal(golden.scores, said)


def test_a_model_of_fewer_features_in_another_order_is_served_with_those(root):
    few = ("attr(price)", "cosine")
    found = given(root, "--model", save_model(root / "few.txt", few))
    release = open_release(root / "models" / "lambdarank" / found["release_id"])
    assert release.features.names == few
    assert release.manifest["recipe"]["split"]["refit"] is False


def test_rows_are_what_lightgbm_is_handed_here(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    n = 60
    labels, sizes = rng.integers(0, 3, n).astype(np.int32), np.array([20, 25, 15])
    x = rng.normal(size=(n, 2)).astype(np.float32)
    x[5, 1] = np.nan
    plain = TrainingSet.plain(x, labels, sizes, ("a", "b", "c"))
    weighed = TrainingSet(
        x, labels, sizes, plain.qids, np.where(labels > 0, 2.5, 1).astype(np.float32),
        plain.positions,
    )  # fmt: skip
    monkeypatch.setattr(training_files, "PIECE_ROWS", 7)
    for part, written in zip(
        (plain, weighed), write_rows(tmp_path / "out", ("p", "q"), (plain, weighed)), strict=True
    ):
        table = _columns(written.file)
        data = lightgbm_dataset([part], None, "lambdarank").construct()
        np.testing.assert_array_equal(table["label"], data.get_label())
        np.testing.assert_array_equal(np.bincount(table["group"]), data.get_group())
        weights = data.get_weight()
        np.testing.assert_array_equal(table["weight"], 1 if weights is None else weights)
        assert written.rows == len(table["label"])
    np.testing.assert_array_equal(
        np.column_stack([_columns(tmp_path / "out" / "fit.parquet")[k] for k in "pq"]), x
    )
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == ["fit.parquet", "valid.parquet"]


def _columns(file):
    table = pq.read_table(file)
    return {name: table[name].to_numpy() for name in table.column_names}


def broken(text):
    """Ways in which a file is no model: what stands there, and what the refusal says of it."""
    return {
        "cut": (text[: len(text) // 2], "no end of them"),
        "prose": ("Dear all,\n", "no trees"),
        "child": (re.sub(r"(left_child=)\d", r"\g<1>9", text, count=1), "left_child"),
    }


@pytest.mark.parametrize("way", ["cut", "prose", "child"])
def test_a_broken_text_is_refused_before_lightgbm_reads_it(tmp_path, way):
    text, said = broken(save_model(tmp_path / "model.txt", NAMES).read_text())[way]
    (tmp_path / "model.txt").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        open_elsewhere(tmp_path / "model.txt")


def test_no_text_is_read_here_if_the_process_that_tries_it_dies(tmp_path, monkeypatch):
    file = save_model(tmp_path / "model.txt", NAMES)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InvalidInput, match="no verdict"):
        open_elsewhere(file)


def test_what_lightgbm_itself_refuses_is_refused_with_its_words(tmp_path):
    text = save_model(tmp_path / "model.txt", NAMES).read_text()
    (tmp_path / "model.txt").write_text(text.replace("objective=regression", "objective=none_such"))
    with pytest.raises(InvalidInput, match="none_such"):
        open_elsewhere(tmp_path / "model.txt")


def test_a_model_of_many_scores_a_row_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    data = lightgbm.Dataset(rng.normal(size=(90, 1)), np.arange(90) % 3)
    settings = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}
    lightgbm.train(settings, data, 2).save_model(tmp_path / "model.txt")
    with pytest.raises(InvalidInput, match="more than one score"):
        open_elsewhere(tmp_path / "model.txt")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"linear_tree": True}, "linear trees; train it without linear_tree"),
        (
            {"categorical_feature": [0], "min_data_per_group": 1},
            "categorical splits; train it on the columns as numbers",
        ),
    ],
)
def test_trees_that_cannot_be_checked_as_text_are_refused(tmp_path, parameters, said):
    file = save_model(tmp_path / "model.txt", NAMES, parameters)
    with pytest.raises(InvalidInput, match=said):
        open_elsewhere(file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="cannot read"):
        open_elsewhere(tmp_path / "missing.txt")
    (tmp_path / "packed.txt").write_bytes(b"\x1f\x8b")
    with pytest.raises(InvalidInput, match="UTF-8"):
        open_elsewhere(tmp_path / "packed.txt")


def test_a_feature_that_the_recipe_does_not_ask_for_is_named_with_the_remedy(root):
    file = save_model(root / "foreign.txt", ("cosine", "moon_phase"))
    done = duolu(root, "--model", file)
    assert isinstance(done.exception, InvalidInput)
    assert "1 of 2 features" in str(done.exception)
    assert "moon_phase" in str(done.exception)
    assert "duolu train --rows" in str(done.exception)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "m.txt", "--tune", "3"], "--model takes a model as it is; leave out --tune"),
        (["--model", "m.txt", "--compare"], "leave out --compare"),
        (["--rows", "rows", "--model", "m.txt"], "--rows writes rows and trains nothing; leave"),
        (["--rows", "rows", "--publish"], "leave out --publish"),
    ],
)
def test_what_makes_no_sense_together_is_refused(root, options, said):
    done = duolu(root, *options)
    assert isinstance(done.exception, InvalidInput)
    assert said in str(done.exception)


@pytest.mark.parametrize("option", ["--rows", "--model"])
def test_recipes_of_other_kinds_take_no_model_from_elsewhere(root, tmp_path, option):
    (tmp_path / "recipe.toml").write_text('kind = "ctr"\n')
    done = CliRunner().invoke(app, ["train", str(tmp_path / "recipe.toml"), option, "x"])
    assert isinstance(done.exception, InvalidInput)
    assert "of kind 'ctr'" in str(done.exception)
