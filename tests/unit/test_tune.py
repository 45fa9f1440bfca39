"""Parameters are searched on the valid part alone, the same way each time."""

import sys

import pytest

from app.domain.errors import InvalidInput
from app.offline.fit import fit
from app.offline.recipe import Recipe
from app.offline.tune import RANGES, check_range, recipe_text, require_optuna, span, tune
from tests.builders.training_rows import training_rows

ROWS, VALID = training_rows(seed=1), training_rows(seed=2)
RECIPE = Recipe(
    features=("cosine",), rounds=15, early_stopping=5,
    parameters={"num_leaves": 3, "learning_rate": 0.03, "min_data_in_leaf": 5},
    tune={"num_leaves": (3, 15), "learning_rate": (0.03, 0.4)},
)  # fmt: skip


def test_what_is_found_is_what_its_parameters_give_and_no_worse_than_the_recipe():
    pytest.importorskip("optuna")
    tuned = tune(ROWS, VALID, RECIPE, 6, 1)
    assert tuned.before == fit(ROWS, VALID, RECIPE, 1).valid_ndcg
    assert tuned.after == fit(ROWS, VALID, tuned.recipe, 1).valid_ndcg > tuned.before
    assert tuned.recipe.parameters["min_data_in_leaf"] == 5
    assert 3 <= tuned.best["num_leaves"] <= 15


def test_the_same_seed_finds_the_same():
    pytest.importorskip("optuna")
    assert tune(ROWS, VALID, RECIPE, 3, 1) == tune(ROWS, VALID, RECIPE, 3, 1)


def test_every_default_range_can_be_searched():
    for name, values in RANGES.items():
        assert check_range(name, values) == values
        assert span(values) == values


@pytest.mark.parametrize("values", [(), (3,), (5, 3), (0.5, 0.5)])
def test_a_range_that_is_none_is_refused_by_name(values):
    with pytest.raises(InvalidInput, match=r"\[tune\] num_leaves"):
        check_range("num_leaves", values)


def test_two_words_or_truths_are_choices_and_no_range():
    assert span(("gbdt", "dart")) is None
    assert span((True, False)) is None
    assert span((1, 2, 3)) is None


def test_without_optuna_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InvalidInput, match=r"pip install 'duolu\[tune\]'"):
        require_optuna()


def test_what_was_found_goes_into_the_recipe_and_its_comments_stay():
    pytest.importorskip("tomlkit")
    text = "# why\nrounds = 3\n[parameters]\nnum_leaves = 5 # few\n[split]\nvalid = 0.2\n"
    found = recipe_text(text, {"num_leaves": 9, "lambda_l2": 0.5})
    assert found.startswith("# why\nrounds = 3\n[parameters]\nnum_leaves = 9 # few\n")
    assert "lambda_l2 = 0.5" in found
    assert recipe_text(text, {}) == text
    assert "num_leaves = 9" in recipe_text("rounds = 3\n", {"num_leaves": 9})
