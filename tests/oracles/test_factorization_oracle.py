"""The click model's loops against the formulas of the papers, written out."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rank.factorization import (
    OBJECTIVES,
    POSITIONS,
    FactorizationModel,
    Places,
    Shape,
    Weights,
)

REQUEST = ("query", "term", "user", "hour")
DOCUMENT = ("id", "category", "brand")


def random_model(objective, rng, m=40, k=3, bits=8):
    shape = Shape(objective, REQUEST, DOCUMENT, bits, k)
    weights = Weights(
        np.sort(rng.choice(2**bits, m, replace=False)).astype(np.int32),
        rng.normal(size=m).astype(np.float32),
        rng.normal(size=(m, shape.width)).astype(np.float32),
        rng.normal(size=POSITIONS + 1).astype(np.float32),
    )
    return FactorizationModel(shape, weights)


def naive_logit(model, features, bias):
    """Σ w x + Σ ⟨v_i→f(j), v_j→f(i)⟩ x_i x_j, pair by pair. `features`: (slot, field, value)."""
    shape, weights = model.shape, model.weights
    vectors = weights.latent.astype(np.float64).reshape(len(weights.linear), -1, shape.k)
    known = [f for f in features if f[0] >= 0]
    total = bias + sum(float(weights.linear[i]) * x for i, _, x in known)
    if shape.objective == "logistic":
        return total
    for (i, fi, x), (j, fj, y) in combinations(known, 2):
        a, b = (fj, fi) if shape.objective == "ffm" else (0, 0)
        total += float(vectors[i, a] @ vectors[j, b]) * x * y
    return total


@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_prediction_is_the_formula_pair_by_pair(objective, seed):
    rng = np.random.default_rng(seed)
    model = random_model(objective, rng)
    asked = rng.integers(-1, 40, rng.integers(0, 9)).astype(np.int32)
    fields = np.sort(rng.integers(0, len(REQUEST), asked.size)).astype(np.int32)
    values = rng.uniform(0.2, 1, asked.size).astype(np.float32)
    slots = rng.integers(-1, 40, (12, len(DOCUMENT))).astype(np.int32)
    places = Places(slots, model.own(slots))
    rows = rng.permutation(12)[:7].astype(np.int32)
    position = int(rng.integers(0, POSITIONS + 1))
    found = model.score(asked, fields, values, places, rows, position)
    wanted = [
        naive_logit(
            model,
            [*zip(asked.tolist(), fields.tolist(), values.tolist(), strict=True),
             *((int(s), len(REQUEST) + b, 1.0) for b, s in enumerate(slots[row]))],
            float(model.weights.examination[position]),
        )
        for row in rows
    ]  # fmt: skip
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_row_alone_has_the_bits_that_it_has_among_others(objective):
    rng = np.random.default_rng(5)
    model = random_model(objective, rng)
    asked, fields = np.arange(6, dtype=np.int32), np.array([0, 1, 1, 1, 2, 3], np.int32)
    values = np.array([1, 0.577, 0.577, 0.577, 1, 1], np.float32)
    slots = rng.integers(-1, 40, (50, 3)).astype(np.int32)
    places, rows = Places(slots, model.own(slots)), np.arange(50, dtype=np.int32)
    together = model.score(asked, fields, values, places, rows, 1)
    alone = [model.score(asked, fields, values, places, rows[i : i + 1], 1)[0] for i in range(50)]
    np.testing.assert_array_equal(together, alone)
