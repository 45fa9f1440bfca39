"""Golden rows come to every leaf, so that no leaf can change unnoticed."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.arrays import F32
from app.domain.errors import FeatureMismatch
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.rank.golden import Golden, replay
from app.rank.golden_leaves import FILE, complete
from app.rank.lightgbm_model import LightGbmModel
from app.rank.trees.reach import count, reached, rows_for_the_rest
from app.rank.trees.text import read_trees
from tests.oracles.test_tree_scorer_oracle import OBJECTIVES, awkward, draw, train

NAMES = ("attr(a)", "attr(b)", "attr(c)")


def leaves_by_lightgbm(booster: Any, rows: F32) -> int:
    places = np.atleast_2d(booster.predict(rows, pred_leaf=True).reshape(len(rows), -1))
    return sum(np.unique(places[:, tree]).size for tree in range(places.shape[1]))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    objective=st.sampled_from(OBJECTIVES),
    features=st.integers(2, 8),
    leaves=st.sampled_from([2, 7, 31, 64]),
    rounds=st.integers(1, 20),
)
def test_every_leaf_is_reached_as_lightgbm_counts_them(seed, objective, features, leaves, rounds):
    booster = train(seed, objective, features, leaves, rounds)
    _, trees = read_trees(booster.model_to_string())
    rows = awkward(trees, features, 5, seed)
    assert count(reached(trees, rows))[0] == leaves_by_lightgbm(booster, rows)
    made = rows_for_the_rest(trees, rows, 10_000)
    everything = np.concatenate([rows, made])
    got, all_ = count(reached(trees, everything))
    assert got == leaves_by_lightgbm(booster, everything)
    assert got == all_
    assert len(rows_for_the_rest(trees, rows, 3)) <= 3


@pytest.fixture
def model() -> tuple[LightGbmModel, F32]:
    x, y = draw(5, 3)
    options = {"objective": "regression", "num_leaves": 15, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(x, y), 12)
    return LightGbmModel(booster, NAMES), x


def test_no_leaf_value_can_change_unnoticed(model, tmp_path):
    before, x = model
    features = FeatureSet(CATALOG, NAMES)
    inputs = {name: x[:6, j] for j, name in enumerate(features.inputs)}
    rows = features.matrix(inputs, 6)
    real = Golden(inputs, rows, before.predict(rows))
    facts = complete([real], before, tmp_path)
    assert facts["leaves_reached"] == facts["leaves"] == 12 * 15
    goldens = [real, Golden.open(tmp_path / FILE)]
    assert replay(goldens, features, before) == 6
    text = before.booster.model_to_string()
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if not line.startswith("leaf_value="):
            continue
        values = line.removeprefix("leaf_value=").split(" ")
        for leaf in range(0, len(values), 5):
            other = [*values[:leaf], f"{float(values[leaf]) + 0.01:.17g}", *values[leaf + 1 :]]
            altered = "\n".join([*lines[:at], f"leaf_value={' '.join(other)}", *lines[at + 1 :]])
            altered = altered.replace("tree_sizes=", "was=")  # LightGBM reads line by line then
            after = LightGbmModel(lightgbm.Booster(model_str=altered), NAMES)
            with pytest.raises(FeatureMismatch, match="scores do not"):
                replay(goldens, features, after)
