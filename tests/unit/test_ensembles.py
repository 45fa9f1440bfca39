"""An ensemble is the weighted mean of its members on their scales, explained as exactly as they."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.offline.ensemble.recipe import EnsembleRecipe
from app.pipeline.select import best_first
from app.rank.ensemble import MEAN, RANK, EnsembleModel, Member, place, scale_of, union
from app.rank.lightgbm_model import LightGbmModel
from tests.oracles.test_tree_scorer_oracle import draw, train

NAMES = ("a", "b", "c", "d", "e")


def ensemble(combine: str, seed: int = 1) -> EnsembleModel:
    """Two models of other features, of other scales, one worth twice the other."""
    members = []
    for i, (own, weight) in enumerate([(("a", "b", "c"), 2 / 3), (("e", "b"), 1 / 3)]):
        model = LightGbmModel(train(seed + i, "lambdarank", len(own), 15, 10), own)
        rows = draw(seed + i, len(own))[0]
        columns = np.array([NAMES.index(name) for name in own])
        members.append(Member(model, columns, weight, scale_of(model.predict(rows), combine)))
    return EnsembleModel(NAMES, tuple(members))


def rows(seed: int = 5) -> np.ndarray:
    return draw(seed, 5)[0]


def test_a_mean_is_that_of_standardised_scores():
    model, x = ensemble(MEAN), rows()
    expected = np.zeros(len(x))
    for member, seed in zip(model.members, (1, 2), strict=True):
        known = member.model.predict(draw(seed, len(member.columns))[0]).astype(float)
        scores = member.model.predict(np.ascontiguousarray(x[:, member.columns])).astype(float)
        expected += member.weight * (scores - known.mean()) / known.std()
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-5, atol=1e-6)


def test_by_rank_only_the_order_of_a_members_scores_counts():
    model, x = ensemble(RANK), rows()
    member = model.members[0]
    scores = member.model.predict(np.ascontiguousarray(x[:, member.columns])).astype(float)
    seen = member.model.predict(draw(1, 3)[0]).astype(float)
    bent = np.exp(scores)  # the same order
    direct = place(scale_of(seen.astype(np.float32), RANK), scores)
    by_detour = place(scale_of(np.exp(seen).astype(np.float32), RANK), bent)
    np.testing.assert_allclose(direct, by_detour, atol=0.05)
    inside = (scores >= seen.min()) & (scores <= seen.max())
    assert (direct[inside] >= 0).all()
    assert (direct[inside] <= 1).all()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60), st.sampled_from([MEAN, RANK])
)
def test_a_scale_keeps_the_order_of_whatever_scores(values, combine):
    scores = np.array(values, np.float32)
    scale = scale_of(scores, combine)
    assert (np.diff(scale[0]) > 0).all()
    probe = np.sort(np.concatenate([scores, scores * 2 + 1, -scores]).astype(np.float64))
    assert (np.diff(place(scale, probe)) >= 0).all()
    inside = np.clip(probe, scale[0][0], scale[0][-1])
    np.testing.assert_allclose(place(scale, inside), np.interp(inside, *scale), atol=1e-9)


@pytest.mark.parametrize("combine", [MEAN, RANK])
def test_rows_do_not_know_each_other(combine):
    model, x = ensemble(combine), rows()
    together = model.predict(x)
    some = np.random.default_rng(2).permutation(len(x))[:77]
    assert model.predict(np.ascontiguousarray(x[some])).tobytes() == together[some].tobytes()
    assert model.predict(x[:0]).shape == (0,)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([MEAN, RANK]))
def test_contributions_and_differences_sum_to_the_scores(seed, combine):
    model, x = ensemble(combine, seed % 7), rows(seed)[:40]
    scores = model.predict(x)
    base, told = model.contributions(x)
    np.testing.assert_allclose(base + told.sum(1), scores, rtol=1e-6, atol=1e-6)
    assert not told[:, 3].any()  # no member reads d
    apart = model.differences(x, x[4])
    np.testing.assert_allclose(apart.sum(1), scores - scores[4].astype(float), rtol=0, atol=2e-6)
    assert not apart[4].any()


@pytest.mark.parametrize("combine", [MEAN, RANK])
def test_rows_that_no_member_tells_apart_stay_as_they_were(combine):
    alike = np.ascontiguousarray(np.repeat(rows()[:3], 20, axis=0))
    scores = ensemble(combine).predict(alike)
    assert np.unique(scores).size == 3
    assert (np.diff(best_first(scores).reshape(3, 20), axis=1) == 1).all()


def test_its_trees_are_its_members_over_its_own_features():
    model = ensemble(MEAN)
    trees = model.trees()
    assert len(trees) == 20
    assert {int(f) for t in trees[10:] for f in t.features} <= {1, 4}
    assert union([("a", "b"), ("c", "a")]) == ("a", "b", "c")
    assert model.scored_by == "tree scorer"


@pytest.mark.parametrize(
    ("changed", "said"),
    [('[members]\nlambdarank = 1.0', "at least two"), ('[members]\na = 1.0\nb = 0.0', "above 0"),
     ('combine = "max"\n[members]\na = 1.0\nb = 1.0', "combine"),
     ('name = "../x"\n[members]\na = 1.0\nb = 1.0', "name"),
     ('rounds = 3\n[members]\na = 1.0\nb = 1.0', "rounds")],
)  # fmt: skip
def test_a_recipe_that_makes_no_ensemble_is_refused(tmp_path, changed, said):
    file = tmp_path / "recipe.toml"
    file.write_text(f'kind = "ensemble"\n{changed}\n')
    with pytest.raises(InvalidInput, match=said):
        EnsembleRecipe.load(file)
