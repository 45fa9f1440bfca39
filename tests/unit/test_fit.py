"""What is learned from training rows: every objective, the same bytes each time, clear refusals."""

import os
import subprocess
import sys
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from app.domain.errors import InvalidInput
from app.offline.dataset import TrainingSet
from app.offline.fit import fit, refit
from app.offline.lightgbm_rows import lightgbm_dataset
from app.offline.objectives import OBJECTIVES
from app.offline.parameters import REPEATABLE, cutoff, parameters
from app.offline.ranknet import pair_gradients
from app.offline.recipe import Gate, Recipe
from app.rank.lightgbm_model import LightGbmModel
from tests.builders.training_rows import training_rows

NAMES = tuple("abcdef")


def recipe(objective="lambdarank", **parameters):
    small = {"num_leaves": 7, "min_data_in_leaf": 5, **parameters}
    return Recipe(
        features=("cosine",), objective=objective, rounds=40, early_stopping=5, min_rounds=1,
        parameters=small,
    )  # fmt: skip


def test_every_objective_learns_to_put_the_better_document_first():
    unseen = training_rows(seed=3)
    for objective in OBJECTIVES:
        fitted = fit(training_rows(seed=1), training_rows(seed=2), recipe(objective), 1)
        scores = LightGbmModel.of(fitted.booster, NAMES, fitted.rounds).predict(unseen.features)
        assert wrong_pairs(scores, unseen) < 0.35, objective  # of guesses, half are wrong
        assert 0.6 < fitted.valid_ndcg <= 1, objective
        assert 1 <= fitted.rounds <= 40


def wrong_pairs(scores, rows):
    wrong = pairs = 0
    for start, size in zip(np.cumsum(rows.sizes) - rows.sizes, rows.sizes, strict=True):
        label, score = rows.labels[start : start + size], scores[start : start + size]
        better = label[:, None] > label[None, :]
        pairs += better.sum()
        wrong += (better & (score[:, None] <= score[None, :])).sum()
    return wrong / pairs


def test_pair_gradients_are_those_of_the_loss():
    rows = training_rows(groups=3, size=6)
    rng = np.random.default_rng(5)
    scores, weights = rng.normal(size=18), rng.uniform(0.5, 2, 18).astype(np.float32)
    ends = np.cumsum(rows.sizes)
    gradient, hessian = pair_gradients(scores, rows.labels, weights, ends)
    step = 1e-4
    for i in range(18):
        up, down = scores.copy(), scores.copy()
        up[i] += step
        down[i] -= step
        at, above, below = (naive_loss(s, rows, weights) for s in (scores, up, down))
        assert gradient[i] == pytest.approx((above - below) / (2 * step), abs=1e-4)
        assert hessian[i] == pytest.approx((above - 2 * at + below) / step**2, abs=1e-3)


def naive_loss(scores, rows, weights):
    group = np.repeat(np.arange(len(rows)), rows.sizes)
    return sum(
        weights[i] * np.log1p(np.exp(scores[j] - scores[i]))
        for i in range(len(scores))
        for j in range(len(scores))
        if group[i] == group[j] and rows.labels[i] > rows.labels[j]
    )


def test_a_pair_of_rows_that_weigh_nothing_teaches_nothing():
    rows = training_rows(groups=1, size=8)
    gradient, hessian = pair_gradients(
        np.zeros(8), rows.labels, np.zeros(8, np.float32), np.array([8])
    )
    assert not gradient.any()
    assert not hessian.any()


def test_weights_of_the_rows_to_fit_on_leave_the_valid_part_as_it_is(capfd):
    rows = training_rows()
    weighed = replace(rows, weights=np.linspace(0.5, 2, len(rows.labels)).astype(np.float32))
    positions = np.tile(np.arange(1, 21, dtype=np.int32), len(rows))
    for given in (weighed, replace(weighed, positions=positions)):
        assert 0.6 < fit(given, training_rows(seed=2), recipe(), 1).valid_ndcg <= 1
    assert capfd.readouterr().out == ""


def test_clicks_that_nobody_corrected_do_not_stop_a_model_that_learns_their_bias():
    rows, noise = training_rows(seed=1), training_rows(seed=2)
    labels = np.random.default_rng(3).permutation(noise.labels)
    positions = np.tile(np.arange(1, 21, dtype=np.int32), len(rows))
    valid = replace(noise, labels=labels)
    assert fit(rows, valid, recipe(), 1).rounds < 40
    assert fit(replace(rows, positions=positions), valid, recipe(), 1).rounds == 40


def test_the_valid_part_is_not_listened_to_before_min_rounds():
    rows, few = training_rows(seed=1), training_rows(seed=2)
    few = replace(few, labels=np.random.default_rng(3).permutation(few.labels))
    curve: dict = {}
    asked = recipe().model_copy(update={"early_stopping": 40})
    lightgbm.train(
        {**parameters(asked, 1), "objective": "lambdarank"},
        lightgbm_dataset([rows], None, "lambdarank"), 40,
        valid_sets=[lightgbm_dataset([few], None, None)],
        callbacks=[lightgbm.record_evaluation(curve)],
    )  # fmt: skip
    ndcg = curve["valid_0"]["ndcg@10"]
    for first in (1, 7, 25, 40, 90):
        found = fit(rows, few, asked.model_copy(update={"min_rounds": first}), 1)
        heard = min(first, 40) - 1
        assert found.rounds == heard + int(np.argmax(ndcg[heard:])) + 1
        assert found.valid_ndcg == max(ndcg[heard:])
    stopped = recipe().model_copy(update={"min_rounds": 7})
    assert 7 <= fit(rows, few, stopped, 1).booster.current_iteration() < 40


def test_where_nothing_can_stop_the_boosting_all_rounds_are_kept():
    assert fit(training_rows(), training_rows(seed=2), recipe(boosting="dart"), 1).rounds == 40


def test_rows_that_weigh_more_are_learned_more():
    rows, valid = training_rows(seed=1), training_rows(seed=2)
    odd = np.repeat(np.arange(len(rows)) % 2 == 1, rows.sizes)
    turned = replace(rows, labels=np.where(odd, 2 - rows.labels, rows.labels).astype(np.int32))
    for objective in OBJECTIVES:
        left = replace(turned, weights=np.where(odd, 0.01, 1).astype(np.float32))
        fitted = fit(left, valid, recipe(objective), 1)
        alike = replace(turned, weights=np.full(odd.size, 0.5, np.float32))
        plain = fit(alike, valid, recipe(objective), 1)
        assert fitted.valid_ndcg > plain.valid_ndcg, objective


def test_rows_read_in_batches_give_the_model_that_a_matrix_gives():
    rows = training_rows(groups=900)  # more than two batches
    asked = recipe()
    booster = lightgbm.train(
        {**parameters(asked, 1), "objective": "lambdarank"},
        lightgbm.Dataset(
            rows.features, rows.labels, group=rows.sizes, feature_name=[f"f{i}" for i in range(6)]
        ),
        10,
    )
    ours = refit([rows], np.arange(6), asked, replace_rounds(rows, asked, 10), 1)
    assert trees(ours.text()) == trees(booster.model_to_string())


def replace_rounds(rows, asked, rounds):
    return replace(fit(rows.take(range(50)), rows.take([50]), asked, 1), rounds=rounds)


def trees(text):
    return text.partition("parameters:")[0]


def test_parts_and_columns_are_read_as_if_they_were_joined():
    parts = [training_rows(seed=s) for s in (1, 2, 3)]
    keep = np.array([4, 0, 1])
    for objective in ("lambdarank", "pairwise"):
        asked = recipe(objective)
        fitted = fit(parts[0], parts[1], asked, 1)
        apart = refit(parts, keep, asked, fitted, 1)
        joined = TrainingSet.join(parts).columns(keep)
        assert apart.text() == refit([joined], np.arange(3), asked, fitted, 1).text()


def test_two_threads_and_one_give_the_same_bytes():
    for objective in OBJECTIVES:
        bagged = recipe(objective, bagging_fraction=0.7, bagging_freq=1, feature_fraction=0.6)
        one, two = (fit(training_rows(), training_rows(seed=2), bagged, n) for n in (1, 2))
        assert one.text() == two.text(), objective


def test_fresh_processes_give_the_same_bytes():
    code = (
        "import hashlib\n"
        "from tests.unit.test_fit import OBJECTIVES, fit, recipe, training_rows\n"
        "for objective in OBJECTIVES:\n"
        "    asked = recipe(objective, bagging_fraction=0.7, bagging_freq=1)\n"
        "    text = fit(training_rows(), training_rows(seed=2), asked, 2).text()\n"
        "    print(hashlib.sha256(text.encode()).hexdigest())\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.split()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert said[0] == said[1]
    assert len(set(said[0])) == len(OBJECTIVES)


def test_the_boosting_stops_at_the_cutoff_that_the_gate_asks_about():
    assert [cutoff(m) for m in ("nDCG@5", "ndcg@20", "AP", "nDCG")] == [5, 20, 10, 10]
    asked = recipe().model_copy(update={"gate": Gate(metric="nDCG@3")})
    assert parameters(asked, 1)["eval_at"] == [3]


def test_a_parameter_that_lightgbm_does_not_know_is_refused_with_the_nearest():
    with pytest.raises(InvalidInput, match=r"num_leafs.*did you mean num_leaves"):
        parameters(recipe(num_leafs=31), 1)


@pytest.mark.parametrize(("name", "place"), [("n_estimators", "rounds"), ("random_state", "seed")])
def test_a_parameter_that_stands_elsewhere_in_the_recipe_is_refused_under_any_name(name, place):
    with pytest.raises(InvalidInput, match=f"{name}: write it as the recipe's {place}"):
        parameters(recipe(**{name: 3}), 1)


def test_a_parameter_that_would_cost_repeatability_is_refused():
    for name in ("deterministic", "num_threads", "device"):
        with pytest.raises(InvalidInput, match=name):
            parameters(recipe(**{name: 1}), 1)
    assert REPEATABLE.items() <= parameters(recipe(), 1).items()
    by_row, by_column = (parameters(recipe(force_col_wise=c), 1) for c in (False, True))
    assert (by_row["force_row_wise"], by_column["force_row_wise"]) == (True, False)


def test_a_value_that_lightgbm_refuses_is_said_in_a_line():
    with pytest.raises(InvalidInput, match="num_leaves"):
        fit(training_rows(), training_rows(seed=2), recipe(num_leaves=-3), 1)


def test_grades_beyond_what_ndcg_can_take_are_refused_with_their_range():
    rows = training_rows()
    high = replace(rows, labels=rows.labels + 40)
    with pytest.raises(InvalidInput, match="40 to 42"):
        fit(high, training_rows(seed=2), recipe(), 1)
