"""Click models: gradients, determinism, what is learned, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import GateRefused, InvalidInput
from app.offline.ctr.descent import Learner, logit_and_slope
from app.offline.ctr.fit import fit_clicks, log_loss, predict_rows
from app.offline.ctr.measure import Resamples, auc, measure
from app.offline.ctr.recipe import ClickRecipe
from app.offline.ctr.rows import hash_catalogue, query_of, rows_of
from app.offline.ctr.train import publish_clicks, train_clicks
from app.offline.recipe_file import kind_of
from app.rank.factorization import OBJECTIVES
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows, make_snapshot
from tests.builders.click_models import RECIPE, make_click_release, tasteful_sessions


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(120), tmp_path_factory.mktemp("world") / "s", channels=())


@pytest.fixture(scope="module")
def sessions(snapshot):
    return tasteful_sessions(snapshot)


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "models" / "ctr", "release")


def fitted_on(sessions, snapshot, objective="ffm", **changes):
    recipe = RECIPE.model_copy(update=changes)
    shape = recipe.shape(objective)
    rows, catalogue = rows_of(sessions, snapshot, shape), hash_catalogue(snapshot, shape)
    return fit_clicks(rows, catalogue, shape, recipe, epochs=2), rows, catalogue


@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_slope_is_what_finite_differences_say(objective, seed):
    """∂logit/∂v of every touched vector, in float64 against (f(v + h) − f(v − h)) / 2h."""
    rng = np.random.default_rng(seed)
    fields_there, k, m, n = 4, 3, 12, 6
    width = {"logistic": 0, "fm": k, "ffm": fields_there * k}[objective]
    latent = rng.normal(size=(m, width))
    at = rng.choice(m, n, replace=False).astype(np.int32)
    fields = rng.integers(0, fields_there, n).astype(np.int32)
    x = rng.uniform(0.2, 1, n).astype(np.float32)
    linear, empty = rng.normal(size=m).astype(np.float32), np.empty(0, np.float32)

    def logit(values):
        w = Learner(linear, values.astype(np.float32), empty, empty, empty.reshape(0, 0), empty)
        slope = np.empty((n, width), np.float32)
        return float(logit_and_slope(w, at, fields, x, slope, k, objective == "ffm")), slope

    _, slope = logit(latent)
    h = 0.05  # the logit is quadratic: central differences have no error but rounding
    for a in range(n):
        for t in range(width):
            up, down = latent.copy(), latent.copy()
            up[at[a], t] += h
            down[at[a], t] -= h
            assert slope[a, t] == pytest.approx((logit(up)[0] - logit(down)[0]) / (2 * h), abs=2e-3)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_same_lists_give_the_same_bits(objective, snapshot, sessions):
    one, two = (fitted_on(sessions, snapshot, objective)[0].model.weights for _ in "ab")
    for name in ("hashes", "linear", "latent", "examination"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_another_seed_gives_other_vectors(snapshot, sessions):
    one, two = (fitted_on(sessions, snapshot, seed=s)[0].model.weights for s in (1, 2))
    assert (one.latent != two.latent).any()


def test_tastes_are_learned_by_pairs_and_not_by_single_values(snapshot, sessions, store):
    trained = train_clicks(sessions, snapshot, RECIPE, store)
    loss = {name: m.log_loss.mean for name, m in trained.measured.items()}
    assert loss["ffm"] < 0.9 * loss["logistic"]
    assert loss["fm"] < 0.9 * loss["logistic"]
    assert trained.differences["logistic"].high < 0
    assert not [r for r in trained.reasons if "log-loss" in r]


def test_training_predicts_with_the_bits_that_serving_predicts_with(snapshot, sessions):
    for objective in OBJECTIVES:
        fitted, rows, catalogue = fitted_on(sessions, snapshot, objective)
        model = fitted.model
        offline = predict_rows(model, rows, catalogue)
        places = model.places(snapshot.documents)
        for i in (0, 17, 399):
            shown = rows.shown[i]
            bias = model.weights.examination
            online = model.logits(query_of(sessions[i], snapshot), places, shown, position=0)
            at = slice(rows.shown.offsets[i], rows.shown.offsets[i + 1])
            without = offline[at] - bias[rows.positions[at]]
            np.testing.assert_allclose(online - bias[0], without, atol=1e-5)


def test_the_first_places_are_examined_more(snapshot, sessions):
    rng = np.random.default_rng(1)
    by_place = [
        replace(
            s,
            clicked=tuple(d for p, d in enumerate(s.shown) if rng.random() < 0.5 / (1 + p)),
        )
        for s in sessions
    ]
    examination = fitted_on(by_place, snapshot)[0].model.weights.examination
    assert examination[1] > examination[3] > examination[8]


def test_lists_of_unknown_order_all_have_position_0(snapshot, sessions):
    unordered = [replace(s, positions_known=False) for s in sessions]
    fitted, rows, _ = fitted_on(unordered, snapshot)
    assert not rows.positions.any()
    assert fitted.model.weights.examination[1] == fitted.model.weights.examination[0]


def test_pages_go_on_counting_and_far_places_share_the_last(snapshot, sessions):
    rows = rows_of([replace(sessions[0], offset=46)], snapshot, RECIPE.shape("fm"))
    assert rows.positions.tolist() == [47, 48, 49, 50, 50, 50, 50, 50]


def test_documents_that_the_snapshot_lacks_are_left_out_and_counted(snapshot, sessions, store):
    gone = [replace(s, shown=(*s.shown, "gone")) for s in sessions]
    gone.append(replace(sessions[0], request_id="all gone", shown=("gone",), clicked=("gone",)))
    trained = train_clicks(gone, snapshot, RECIPE, store)
    assert trained.left_out == len(sessions) + 1
    assert sum(trained.lists.values()) == len(sessions)


@pytest.mark.parametrize(
    ("clicked", "said"),
    [(lambda s: (), "none was clicked"), (lambda s: s.shown, "every one was clicked")],
)
def test_nothing_to_tell_apart_is_said_in_one_line(clicked, said, snapshot, sessions, store):
    with pytest.raises(InvalidInput, match=said):
        train_clicks([replace(s, clicked=clicked(s)) for s in sessions], snapshot, RECIPE, store)


def test_a_part_without_clicks_is_named(snapshot, sessions, store):
    early = [s if i < 330 else replace(s, clicked=()) for i, s in enumerate(sessions)]
    with pytest.raises(InvalidInput, match="the test part, 60 lists"):
        train_clicks(early, snapshot, RECIPE, store)


def test_no_sessions_at_all_are_refused(snapshot, store):
    with pytest.raises(InvalidInput, match="no shown document"):
        train_clicks([], snapshot, RECIPE, store)


def test_an_unknown_field_of_the_recipe_is_named(snapshot, sessions, store):
    fields = RECIPE.fields.model_copy(update={"document": ("id", "colour")})
    with pytest.raises(InvalidInput, match="'colour'"):
        train_clicks(sessions, snapshot, RECIPE.model_copy(update={"fields": fields}), store)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "ctr"\nobjectiv = "fm"', "objectiv"),
        ('kind = "ctr"\nobjective = "svm"', "objective"),
        ('kind = "ctr"\nbits = 99', "bits"),
        ('kind = "ctr"\nname = "../x"', "name"),
        ("kind = ", "not TOML"),
    ],
)
def test_a_recipe_that_is_wrong_names_the_key(text, said, tmp_path):
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        ClickRecipe.load(file)


def test_recipes_are_told_apart_by_their_kind(tmp_path):
    (tmp_path / "r.toml").write_text('kind = "ctr"')
    assert kind_of(tmp_path / "r.toml") == "ctr"
    (tmp_path / "r.toml").write_text("seed = 1")
    assert kind_of(tmp_path / "r.toml") is None
    assert kind_of(tmp_path / "none.toml") is None


def test_the_gate_names_each_reason_and_leaves_the_candidate_unpublished(snapshot, sessions, store):
    gate = RECIPE.gate.model_copy(update={"max_difference": -9.0, "min_clicked_lists": 9999})
    trained = train_clicks(sessions, snapshot, RECIPE.model_copy(update={"gate": gate}), store)
    with pytest.raises(GateRefused, match=r"held-out lists with a click.*log-loss against logist"):
        publish_clicks("x", trained, store)
    assert store.current_id() is None


def test_a_recipe_worse_than_the_one_that_serves_is_refused(snapshot, sessions, store, tmp_path):
    make_click_release(snapshot, store, sessions, tmp_path / "recipe.toml")
    blind = RECIPE.fields.model_copy(update={"request": ()})
    gate = RECIPE.gate.model_copy(update={"min_clicked_lists": 1})
    worse = RECIPE.model_copy(update={"fields": blind, "gate": gate})
    trained = train_clicks(sessions, snapshot, worse, store)
    assert trained.differences["serving"].low > 0
    assert any("against serving" in r for r in trained.reasons)
    same = train_clicks(sessions, snapshot, RECIPE, store)
    assert "serving" not in same.differences


def test_figures_are_those_of_the_formulas(snapshot, sessions):
    rows = rows_of(sessions, snapshot, RECIPE.shape("fm"))
    rng = np.random.default_rng(2)
    logits = np.round(rng.normal(size=rows.clicked.size), 1)  # with ties
    y = rows.clicked.astype(float)
    p = 1 / (1 + np.exp(-logits))
    found = measure(rows, logits, 1, Resamples.draw(len(rows), 7, 50))
    naive = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    assert found.log_loss.mean == pytest.approx(naive)
    assert log_loss(np.array([800.0]), np.array([0.0]))[0] == 800.0  # and not infinity
    up, down = logits[rows.clicked], logits[~rows.clicked]
    pairs = (up[:, None] > down).mean() + (up[:, None] == down).mean() / 2
    assert found.auc.mean == pytest.approx(pairs)
    assert found.log_loss.low < found.log_loss.mean < found.log_loss.high
    assert sum(b.rows for b in found.bins) == rows.clicked.size
    error = sum(b.rows * abs(b.predicted - b.observed) for b in found.bins) / rows.clicked.size
    assert found.ece.mean == pytest.approx(error)


def test_auc_of_one_class_is_missing():
    assert math.isnan(auc(np.ones(3), np.ones(3), np.array([2])))
