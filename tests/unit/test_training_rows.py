"""Which rows a model is trained on, and how groups are divided."""

import numpy as np
import pytest

from app.domain.errors import InvalidInput
from app.offline.dataset import UNJUDGED, UNOBSERVED, TrainingSet, sample
from app.offline.folds import cut
from app.offline.judged import Judged
from app.offline.recipe import Negatives, Recipe
from app.query.understand import SearchRequest

RECIPE = Recipe(features=("cosine",))


def judged(number, text="", now_ms=0, is_timed=False, grade=1):
    return Judged(f"q{number}", SearchRequest(text=text), now_ms, {"d": grade}, is_timed)


def test_all_judged_rows_are_kept_and_unjudged_ones_sampled():
    grades = np.full(100, -1, np.int32)
    grades[[3, 50, 99]] = [1, 0, 2]
    keep = sample(grades, 90, Negatives(top=5, random=7), np.random.default_rng(1))
    assert {3, 50, 99} <= set(keep.tolist())
    assert {0, 1, 2, 4, 5} <= set(keep.tolist())  # the first five unjudged
    assert keep.size == 3 + 5 + 7
    assert (np.diff(keep) > 0).all()
    drawn = set(keep.tolist()) - {3, 50, 99}
    assert max(drawn) < 90  # rows that no channel returned are never sampled as negatives


def test_what_was_perhaps_never_seen_is_no_negative():
    grades = np.full(20, UNJUDGED, np.int32)
    grades[[0, 5]] = [1, UNOBSERVED]
    keep = sample(grades, 20, Negatives(top=100, random=100), np.random.default_rng(1))
    assert 5 not in keep
    assert keep.size == 19


def test_the_same_seed_draws_the_same_negatives():
    grades = np.full(100, -1, np.int32)
    one, two = (
        sample(grades, 100, Negatives(top=0, random=9), np.random.default_rng(4)) for _ in "ab"
    )
    assert one.tolist() == two.tolist()


def test_timed_lists_are_cut_by_time_and_never_overlap():
    parts = cut([judged(i, now_ms=1000 - i, is_timed=True) for i in range(100)], RECIPE)
    fit, valid, test = ([j.now_ms for j in p] for p in (*parts.fitting, parts.test))
    assert max(fit) < min(valid) <= max(valid) < min(test)
    assert (len(fit), len(valid), len(test)) == (70, 15, 15)


def test_untimed_lists_of_one_text_stay_together():
    parts = cut([judged(i, text=f"t{i % 20}") for i in range(200)], RECIPE)
    texts = [{j.request.text for j in p} for p in (*parts.fitting, parts.test)]
    assert not texts[0] & texts[1]
    assert not (texts[0] | texts[1]) & texts[2]
    assert sum(map(len, texts)) == 20


def test_lists_without_anything_better_than_the_rest_teach_nothing():
    parts = cut([judged(i, text=str(i), grade=0) for i in range(50)], RECIPE)
    assert not any((*parts.fitting, parts.test))


def test_taking_groups_takes_their_rows_whole():
    rows = TrainingSet.plain(
        np.arange(12, dtype=np.float32).reshape(6, 2),
        np.array([0, 1, 0, 0, 2, 1], np.int32),
        np.array([2, 1, 3]),
        ("a", "b", "c"),
    )
    some = rows.take([2, 0])
    assert some.qids == ("c", "a")
    assert some.labels.tolist() == [0, 2, 1, 0, 1]
    assert some.sizes.tolist() == [3, 2]


def test_weights_and_positions_follow_their_rows():
    rows = TrainingSet(
        np.zeros((3, 1), np.float32),
        np.array([0, 1, 0], np.int32),
        np.array([1, 2]),
        ("a", "b"),
        np.array([1, 2, 3], np.float32),
        np.array([0, 5, 6], np.int32),
    )
    turned = TrainingSet.join([rows.take([1]), rows.take([0])])
    assert turned.weights.tolist() == [2, 3, 1]
    assert turned.positions.tolist() == [5, 6, 0]
    assert turned.columns(np.array([0])).weights.tolist() == [2, 3, 1]


def test_a_recipe_that_asks_for_an_unknown_feature_names_it(tmp_path):
    file = tmp_path / "recipe.toml"
    file.write_text('features = ["cosine", "cosinus"]')
    with pytest.raises(InvalidInput, match="'cosinus'"):
        Recipe.load(file)


def test_a_recipe_with_an_unknown_key_names_it(tmp_path):
    file = tmp_path / "recipe.toml"
    file.write_text('features = ["cosine"]\nroundz = 5')
    with pytest.raises(InvalidInput, match="roundz"):
        Recipe.load(file)
