"""Contributions against LightGBM's own, and differences against every mixture of two documents."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.arrays import F32, F64
from app.rank.lightgbm_model import LightGbmModel
from app.rank.trees.paths import differences, paths_of
from app.rank.trees.shapley import contributions, edges_of
from app.rank.trees.text import NotExpressible, read_trees
from tests.oracles.test_tree_scorer_oracle import OBJECTIVES, awkward, draw, train

drawn_models = given(
    seed=st.integers(0, 10_000),
    objective=st.sampled_from(OBJECTIVES),
    features=st.integers(2, 7),
    leaves=st.sampled_from([2, 3, 9, 31, 64]),
    rounds=st.integers(1, 12),
)


def shapley(booster: Any, a: F32, b: F32) -> F64:
    """Every order in which B's values can become A's, by definition."""
    d = a.size
    sets = [frozenset(s) for size in range(d + 1) for s in combinations(range(d), size)]
    mixed = np.array([[a[j] if j in s else b[j] for j in range(d)] for s in sets], np.float32)
    value = dict(zip(sets, booster.predict(mixed, raw_score=True, num_threads=1), strict=True))
    return np.array(
        [
            sum(
                factorial(len(s)) * factorial(d - len(s) - 1) / factorial(d)
                * (value[s | {j}] - value[s])
                for s in sets if j not in s
            )
            for j in range(d)
        ]
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@drawn_models
def test_a_difference_is_what_each_value_is_worth_in_every_order(
    seed, objective, features, leaves, rounds
):
    booster = train(seed, objective, features, leaves, rounds)
    _, trees = read_trees(booster.model_to_string())
    x = awkward(trees, features, 3, seed)
    x[1, : features // 2] = x[0, : features // 2]
    got = differences(paths_of(trees), x[1:], x[0])
    for row, told in zip(x[1:], got, strict=True):
        np.testing.assert_allclose(told, shapley(booster, row, x[0]), rtol=0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@drawn_models
def test_contributions_and_differences_sum_to_scores(seed, objective, features, leaves, rounds):
    booster = train(seed, objective, features, leaves, rounds)
    model = LightGbmModel(booster, tuple(f"f{j}" for j in range(features)))
    x = np.concatenate([awkward(read_trees(booster.model_to_string())[1], features, 20, seed),
                        draw(seed, features)[0][:20]])  # fmt: skip
    scores = booster.predict(x, raw_score=True, num_threads=1)
    base, contributions = model.contributions(x)
    np.testing.assert_allclose(base + contributions.sum(1), scores, rtol=0, atol=1e-6)
    np.testing.assert_allclose(base + contributions.sum(1), model.predict(x), rtol=1e-6, atol=1e-6)
    apart = model.differences(x, x[3])
    np.testing.assert_allclose(apart.sum(1), scores - scores[3], rtol=0, atol=1e-6)
    alike = (x == x[3]) | (np.isnan(x) & np.isnan(x[3]))
    assert not apart[alike].any()


@settings(max_examples=25, deadline=None)
@drawn_models
def test_contributions_are_lightgbms_own(seed, objective, features, leaves, rounds):
    booster = train(seed, objective, features, leaves, rounds)
    trees = read_trees(booster.model_to_string())[1]
    x = np.concatenate([awkward(trees, features, 40, seed), draw(seed, features)[0][:20]])
    base, told = LightGbmModel(booster, tuple(f"f{j}" for j in range(features))).contributions(x)
    theirs = booster.predict(x, pred_contrib=True, num_threads=1)
    np.testing.assert_allclose(told, theirs[:, :-1], rtol=0, atol=1e-10)
    np.testing.assert_allclose(base, theirs[:, -1], rtol=0, atol=1e-10)


def test_long_paths_take_more_points_and_stay_exact():
    booster = train(3, "regression", 40, 64, 6)
    edges = edges_of(read_trees(booster.model_to_string())[1])
    x = draw(3, 40)[0][:30]
    assert edges.points.size >= 8
    theirs = booster.predict(x, pred_contrib=True, num_threads=1)
    np.testing.assert_allclose(contributions(edges, x), theirs[:, :-1], rtol=0, atol=1e-10)


def test_trees_that_do_not_count_their_rows_are_explained_by_lightgbm():
    text = train(5, "regression", 3, 8, 4).model_to_string()
    trees = read_trees(text)[1]
    with pytest.raises(NotExpressible, match="do not count"):
        edges_of([replace(trees[0], counts=np.empty(0), leaf_counts=np.empty(0))])
    with pytest.raises(NotExpressible, match="no training row"):
        edges_of([replace(trees[0], leaf_counts=trees[0].leaf_counts * 0)])
    assert edges_of([]).base == 0.0


def test_a_model_whose_trees_cannot_be_explained_is_read_once_and_not_at_each_row(monkeypatch):
    text = train(5, "regression", 3, 8, 4).model_to_string()
    uncounted = re.sub(r"^leaf_count=.*$", lambda m: re.sub(r"\d", "0", m[0]), text, flags=re.M)
    booster = lightgbm.Booster(model_str=uncounted)
    model, written = LightGbmModel(booster, ("a", "b", "c")), []
    assert model.tables is not None  # scored by our own scorer all the same
    as_text = booster.model_to_string
    monkeypatch.setattr(booster, "model_to_string", lambda: written.append(1) or as_text())
    for _ in range(3):
        model.contributions(np.zeros((1, 3), np.float32))
    assert written == [1]


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows_and_no_trees_are_explained_as_well(n):
    model = LightGbmModel(train(1, "regression", 3, 2, 1), ("a", "b", "c"))
    rows, zero = np.zeros((n, 3), np.float32), np.zeros(3, np.float32)
    assert model.contributions(rows)[1].shape == (n, 3)
    assert model.differences(rows, zero).shape == (n, 3)
    assert not differences(paths_of([]), rows, zero).any()


def test_a_model_that_only_lightgbm_can_score_is_explained_by_lightgbm():
    rng = np.random.default_rng(3)
    x = np.abs(np.round(rng.standard_normal((400, 3)) * 3)).astype(np.float32)
    options = {"objective": "regression", "verbosity": -1, "zero_as_missing": True}
    booster = lightgbm.train(options, lightgbm.Dataset(x, x[:, 0] + (x[:, 1] > 2)), 5)
    model = LightGbmModel(booster, ("a", "b", "c"))
    scores = booster.predict(x[:9], raw_score=True)
    apart = model.differences(x[:9], x[0])
    np.testing.assert_allclose(apart.sum(1), scores - scores[0], atol=1e-9)
