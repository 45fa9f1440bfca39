"""`duolu train` with its choices, as whole commands on a small log."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from app.offline.workflow import JudgedBy, train_model
from app.offline.workplace import Workplace
from app.rank.release import open_release
from app.settings import Settings
from tests.builders.behaviour import make_sessions
from tests.builders.impressions import CONFIG, append, make_place
from tests.builders.requests import NOW_MS

RECIPE = """# kept
features = ["bm25(title)", "cosine", "user_gain_log", "doc_ctr", "hit_count", "attr(price)"]
rounds = {rounds}
early_stopping = {rounds}
[parameters]
num_leaves = 5  # few
min_data_in_leaf = 5
[tune]
num_leaves = [3, 15]
lambda_l2 = [0.01, 10.0]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    place = make_place(root)
    append(place, make_sessions(place.snapshot()))
    return root


@pytest.fixture
def copy(world, tmp_path):
    shutil.copytree(world / "data", tmp_path / "data")
    return tmp_path


def write_recipe(root, objective, rounds):
    file = root / "recipe.toml"
    file.write_text(f'objective = "{objective}"\n' + RECIPE.format(rounds=rounds))
    return file


def duolu(root, *options, rounds=10, cores=1, seed="0"):
    file = write_recipe(root, "lambdarank", rounds)
    code = (  # a shell's background jobs are started deaf to SIGINT
        f"import os, signal; os.cpu_count = lambda: {cores}\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from app.cli import main\nmain()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, "train", str(file), "--data",
         str(root / "data"), "--models", str(root / "models"), *options],
        env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": str(cores)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def releases(root):
    return root / "models" / "lambdarank"


def learn(root, objective="lambdarank", **choices):
    """Train in this process, as the command does."""
    place = Workplace(Settings.load(CONFIG, environment={}), root / "data", root / "models")
    file = write_recipe(root, objective, 10)
    return place, train_model(
        place, file, JudgedBy(), now_ms=NOW_MS, **choices
    )  # fmt: skip


def test_compare_measures_every_family_on_the_same_lists(copy):
    place, trained = learn(copy, "pairwise", all_families=True)
    found = trained.families.to_json()
    assert {name: f["family"] for name, f in found.items()} == {
        "binary": "pointwise", "regression": "pointwise", "pairwise": "pairwise",
        "lambdarank": "listwise", "rank_xendcg": "listwise",
    }  # fmt: skip
    assert found["pairwise"]["difference"] == [0, 0, 0]
    assert found["pairwise"]["nDCG@10"] == trained.comparison.to_json()["ranked"]["nDCG@10"]
    for family in found.values():
        mean, low, high = family["nDCG@10"]
        assert 0 <= low <= mean <= high <= 1
    table = "\n".join(trained.families.lines())
    assert "| pairwise (the recipe) | pairwise |" in table
    release = open_release(place.stores.releases.path(trained.release_id))  # and its golden rows
    assert release.manifest["recipe"]["objective"] == "pairwise"


def test_compare_measures_every_correction_that_the_log_can_teach(copy):
    place, trained = learn(copy, all_families=True)
    found = trained.corrections.to_json()
    assert set(found) == {"none", "propensity", "randomised", "unbiased_lambdarank"}
    assert "0.0000 [0.0000, 0.0000]" in found["none"]["difference"]
    assert "nDCG@10" in found["unbiased_lambdarank"]
    assert "random" in found["randomised"]["refused"]  # nobody was shown a random order
    table = "\n".join(trained.corrections.lines())
    assert "| none (the recipe) |" in table
    assert "randomised is refused: " in table
    report = (place.stores.releases.path(trained.release_id) / "report.md").read_text()
    assert table in report
    assert "\n".join(trained.families.lines()) in report


def test_tuning_writes_what_it_found_into_the_release_and_leaves_the_recipe_alone(copy):
    pytest.importorskip("optuna")
    _, trained = learn(copy, trials=4)
    tuned = trained.tuned
    assert tuned.trials == 4
    assert tuned.after > tuned.before
    text = (releases(copy) / trained.release_id / "recipe.toml").read_text()
    assert "# kept" in text
    assert tuned.best.items() <= tomllib.loads(text)["parameters"].items()
    assert "num_leaves = 5  # few" in (copy / "recipe.toml").read_text()


def test_the_same_recipe_and_log_give_the_same_model_file_to_the_byte(world, tmp_path):
    models = []
    for name, cores in (("one", 1), ("two", 2)):
        root = tmp_path / name
        shutil.copytree(world / "data", root / "data")
        found = said(duolu(root, "--json", cores=cores, seed=str(cores)))
        models.append((releases(root) / found["release_id"] / "model.txt").read_bytes())
    assert models[0] == models[1]


def test_an_interrupted_training_leaves_no_half_release(copy):
    with duolu(copy, rounds=1_000_000) as process:
        for line in process.stderr:
            if line.startswith("features"):
                break
        time.sleep(1)  # it is growing trees
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not list(releases(copy).iterdir())


def test_what_a_killed_training_left_is_no_release_and_goes_with_the_next(copy):
    left = releases(copy) / ".building-20260101T000000Z-00000000"
    left.mkdir(parents=True)
    (left / "model.txt").write_text("half")
    place, trained = learn(copy, "binary")
    assert place.stores.releases.ids() == [trained.release_id]
    assert not left.exists()
    open_release(place.stores.releases.path(trained.release_id))
