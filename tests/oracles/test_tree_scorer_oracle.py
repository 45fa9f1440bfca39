"""The tree scorer against LightGBM and against a walk from node to node: no bit may differ."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.arrays import F32, F64
from app.rank.lightgbm_model import LightGbmModel
from app.rank.trees.bins import ZERO
from app.rank.trees.scorer import score
from app.rank.trees.tables import build
from app.rank.trees.text import NotExpressible, Tree, read_trees

OBJECTIVES = ("lambdarank", "rank_xendcg", "regression", "regression_l1", "binary", "huber")
ROWS, GROUP = 600, 20


def draw(seed: int, features: int) -> tuple[F32, Any]:
    """Values of every awkward kind, and labels that hang on them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, features)).astype(np.float32)
    x[:, 0] = np.round(x[:, 0] * 3)
    x[rng.random(x.shape) < 0.1] = np.nan if seed % 3 else 0.0
    x[rng.random(x.shape) < 0.02] = 0.0
    x[:, -1] *= np.float32(1e-35)  # what LightGBM reads as 0, and just not
    y = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, features // 2]) ** 2 + rng.random(ROWS)
    return x, np.clip(y, 0, 4).astype(int)


def train(seed: int, objective: str, features: int, leaves: int, rounds: int) -> Any:
    x, y = draw(seed, features)
    group = [GROUP] * (ROWS // GROUP) if objective in ("lambdarank", "rank_xendcg") else None
    labels = (y > 1).astype(int) if objective == "binary" else y
    options = {
        "objective": objective, "num_leaves": leaves, "verbosity": -1, "num_threads": 1,
        "min_data_in_leaf": 3, "seed": seed, "max_bin": 200, "use_missing": seed % 4 != 0,
    }  # fmt: skip
    return lightgbm.train(options, lightgbm.Dataset(x, labels, group=group), rounds)


def awkward(trees: list[Tree], features: int, n: int, seed: int) -> F32:
    """Rows of thresholds hit exactly and one ulp beside, NaN, infinities, zeros, subnormals."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, features)).astype(np.float32)
    for f in range(features):
        hit = np.concatenate([t.thresholds[t.features == f] for t in trees])
        if hit.size:
            near = rng.choice(hit, n).astype(np.float32)
            beside = np.nextafter(
                near, np.float32(np.inf) * rng.choice([-1, 1], n), dtype=np.float32
            )
            x[:, f] = np.where(rng.random(n) < 0.5, near, beside)
    special = np.array(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, ZERO, -ZERO, 1e-38, 3e38, -3e38],
        np.float32,
    )
    at = rng.random(x.shape) < 0.2
    x[at] = rng.choice(special, at.sum())
    return x


def walked(trees: list[Tree], x: F32) -> F64:
    """Each row from node to node (LightGBM's tree.h, NumericalDecision)."""
    out = np.zeros(len(x))
    for i, row in enumerate(x.astype(np.float64)):
        for tree in trees:
            node = 0 if tree.features.size else -1
            while node >= 0:
                value = row[tree.features[node]]
                if np.isnan(value) and tree.nan_is_missing[node]:
                    goes_left = tree.default_left[node]
                else:
                    value = 0.0 if np.isnan(value) or abs(value) <= ZERO else value
                    goes_left = value <= tree.thresholds[node]
                node = int((tree.left if goes_left else tree.right)[node])
            out[i] += tree.leaves[~node]
    return out


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    objective=st.sampled_from(OBJECTIVES),
    features=st.integers(2, 12),
    leaves=st.sampled_from([2, 3, 8, 9, 31, 63, 64]),
    rounds=st.integers(1, 20),
)
def test_no_bit_differs_from_lightgbm(
    seed: int, objective: str, features: int, leaves: int, rounds: int
) -> None:
    booster = train(seed, objective, features, leaves, rounds)
    count, trees = read_trees(booster.model_to_string())
    x = np.concatenate([awkward(trees, features, 40_000, seed), draw(seed, features)[0]])
    expected = booster.predict(x, raw_score=True, num_threads=1)
    assert np.array_equal(score(build(count, trees), x), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 40), n=st.integers(1, 300))
def test_no_bit_differs_from_a_walk_and_rows_do_not_know_each_other(
    seed: int, leaves: int, n: int
) -> None:
    booster = train(seed, "regression", 5, leaves, 9)
    count, trees = read_trees(booster.model_to_string())
    x, tables = awkward(trees, 5, n, seed), build(count, trees)
    together = score(tables, x)
    assert np.array_equal(together, walked(trees, x))
    some = np.random.default_rng(seed).permutation(n)[: 1 + n // 3]
    assert np.array_equal(score(tables, np.ascontiguousarray(x[some])), together[some])


def stumps(thresholds: list[float], seed: int) -> list[Tree]:
    """A tree of one split for each threshold of a single feature, with leaves drawn at random."""
    rng = np.random.default_rng(seed)
    return [
        Tree(
            np.array([0]), np.array([threshold]), rng.random(1) < 0.5, np.array([True]),
            np.array([-1]), np.array([-2]), rng.standard_normal(2),
        )
        for threshold in thresholds
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 7, 8, 24, 25, 32, 33, 40, 254, 255])
def test_bins_are_exact_however_many_thresholds_fill_the_last_group(count: int) -> None:
    thresholds = np.random.default_rng(count).standard_normal(count)
    trees = stumps([float(t) for t in thresholds], count)
    x = np.concatenate([awkward(trees, 1, 600, count), np.float32(thresholds)[:, None]])
    assert np.array_equal(score(build(1, trees), x), walked(trees, x))


def test_infinite_thresholds_are_read_as_they_are() -> None:
    x = np.array([[-np.inf], [0.0], [np.inf], [np.nan]] * 30, np.float32)
    booster = lightgbm.train(
        {"objective": "regression", "min_data_in_leaf": 1, "verbosity": -1, "num_leaves": 4},
        lightgbm.Dataset(x, np.array([0.0, 1.0, 5.0, 9.0] * 30)), 3,
    )  # fmt: skip
    tables = build(*read_trees(booster.model_to_string()))
    assert np.array_equal(score(tables, x), booster.predict(x, raw_score=True))


def test_a_model_of_one_leaf_scores_its_constant() -> None:
    x = np.ones((50, 2), np.float32)
    options = {"objective": "regression", "verbosity": -1}
    booster = lightgbm.train(options, lightgbm.Dataset(x, np.full(50, 2.5)), 2)
    tables = build(*read_trees(booster.model_to_string()))
    assert np.array_equal(score(tables, x), booster.predict(x, raw_score=True))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"zero_as_missing": True}, "zero as missing"),
        ({"linear_tree": True}, "linear trees"),
        ({"num_leaves": 80, "min_data_in_leaf": 1}, "leaves; at most 64"),
        ({"categorical_feature": [0]}, "categorical splits"),
        ({"objective": "multiclass", "num_class": 5}, "multiclass"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged output"),
    ],
)
def test_what_cannot_be_expressed_goes_to_lightgbm_and_says_why(
    options: dict[str, Any], why: str
) -> None:
    rng = np.random.default_rng(3)
    x = np.abs(np.round(rng.standard_normal((ROWS, 4)) * 4)).astype(np.float32)
    y = np.minimum(x[:, 0] + (x[:, 1] > 3), 4).astype(int) + rng.random(ROWS)
    categorical = options.pop("categorical_feature", [])
    base = {"objective": "regression", "verbosity": -1, "min_data_in_leaf": 5}
    y = y.astype(int) if "num_class" in options else y
    data = lightgbm.Dataset(x, y, categorical_feature=categorical)
    booster = lightgbm.train({**base, **options}, data, 4)
    with pytest.raises(NotExpressible, match=why):
        build(*read_trees(booster.model_to_string()))
    if "num_class" not in options:
        model = LightGbmModel(booster, ("a", "b", "c", "d"))
        assert why in model.scored_by
        expected = booster.predict(x, raw_score=True).astype(np.float32)
        assert np.array_equal(model.predict(x), expected)
