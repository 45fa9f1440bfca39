"""A model text is looked through before LightGBM reads it, which would believe anything."""

from __future__ import annotations

import re

import lightgbm
import numpy as np
import pytest

from app.domain.errors import CorruptArtifact
from app.rank.lightgbm_model import LightGbmModel
from app.rank.trees.whole import Broken, refuse_broken

KINDS = (
    {"objective": "regression"}, {"objective": "multiclass", "num_class": 3},
    {"objective": "regression", "linear_tree": True}, {"objective": "lambdarank"},
    {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    {"objective": "regression", "categorical_feature": [4]},
    {"objective": "regression", "min_data_in_leaf": 500},
)  # fmt: skip


def text_of(**options) -> str:
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.normal(size=(400, 4)), rng.integers(0, 9, 400)])
    labels = rng.integers(0, 3, 400) if options["objective"] != "binary" else x[:, 0] > 0
    group = [20] * 20 if options["objective"] == "lambdarank" else None
    options = {"num_leaves": 9, "verbosity": -1, "num_threads": 1, **options}
    return lightgbm.train(options, lightgbm.Dataset(x, labels, group=group), 5).model_to_string()


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.filterwarnings("ignore:categorical_feature")
def test_every_kind_of_model_is_whole(options):
    refuse_broken(text_of(**options))


@pytest.mark.parametrize(
    ("line", "value", "said"),
    [
        ("left_child", lambda old: old.replace("1", "0", 1), "make no tree"),
        ("left_child", lambda old: " ".join(["0", *old.split()[1:]]), "make no tree"),
        ("right_child", lambda old: " ".join([*old.split()[:-1], "-90"]), "make no tree"),
        ("split_feature", lambda old: " ".join(["5", *old.split()[1:]]), "beyond 5 features"),
        ("split_feature", lambda old: " ".join(["-1", *old.split()[1:]]), "beyond 5 features"),
        ("decision_type", lambda old: " ".join(["1", *old.split()[1:]]), "disagree"),
        ("decision_type", lambda old: " ".join(["14", *old.split()[1:]]), "decision_type"),
        ("threshold", lambda old: " ".join(["nan", *old.split()[1:]]), "threshold are not"),
        ("threshold", lambda old: f"{old} 1", "threshold are not 8 numbers"),
        ("leaf_value", lambda old: " ".join(["inf", *old.split()[1:]]), "not finite"),
        ("leaf_value", lambda old: " ".join(["1_0", *old.split()[1:]]), "leaf_value are not"),
        ("leaf_count", lambda old: old.rpartition(" ")[0], "leaf_count are not"),
        ("num_leaves", lambda _: "8", "are not 8 numbers"),
        ("num_leaves", lambda _: "99999999999", "num_leaves"),
        ("num_cat", lambda _: "1", "disagree"),
        ("tree_sizes", lambda old: old.replace("9", "8", 1), "tree_sizes"),
        ("max_feature_idx", lambda _: "9", "feature_names are not 10"),
        ("num_class", lambda _: "0", "num_class"),
        ("shrinkage", lambda old: f"{old}\nleaf_value=1", "twice"),
    ],
)
def test_each_line_that_is_wrong_is_named(line, value, said):
    text = text_of(objective="regression")
    altered = re.sub(rf"{line}=(.*)", lambda m: f"{line}={value(m[1])}", text, count=1)
    assert altered != text
    with pytest.raises(Broken, match=said):
        refuse_broken(sized(altered) if line != "tree_sizes" else altered)


def sized(text: str) -> str:
    """Say how long each tree's text is now."""
    bodies = text.partition("\nend of trees")[0].split("\nTree=")[1:]
    sizes = " ".join(str(len(f"Tree={body}\n".encode())) for body in bodies)
    return re.sub(r"tree_sizes=[0-9 ]+", f"tree_sizes={sizes}", text)


def test_a_text_cut_anywhere_is_no_model_or_the_whole_of_its_trees(tmp_path):
    text = text_of(objective="regression")
    trees = text.index("end of trees")
    for end in range(0, len(text), 97):
        if end < trees:
            with pytest.raises(Broken):
                refuse_broken(text[:end])
    (tmp_path / "model.txt").write_text(text[: trees // 2])
    with pytest.raises(CorruptArtifact, match=r"model\.txt is no model"):
        LightGbmModel.open(tmp_path / "model.txt", ("a",) * 5)
