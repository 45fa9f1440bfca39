"""Skip-gram with negative sampling against its formula in plain Python and its gradient."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.offline.behaviour.sgns import (
    Pace,
    Reading,
    below,
    climb,
    negatives_table,
    seeded,
    shuffle,
    start_vectors,
    train,
)

DIM = 8


def reading(seed: int, sittings: int = 12) -> Reading:
    """Sittings of one to eight actions on ten documents, each action led to by up to two inputs."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, sittings)
    ends = np.repeat(np.cumsum(lengths), lengths)
    leads = rng.integers(0, 3, lengths.sum())
    return Reading(
        rng.integers(0, 10, lengths.sum()).astype(np.int32),
        ends - np.repeat(lengths, lengths),
        ends,
        rng.integers(10, 16, leads.sum()).astype(np.int32),
        np.concatenate([[0], np.cumsum(leads)]),
    )


def naive(inputs: np.ndarray, outputs: np.ndarray, text: Reading, table, pace: Pace, seed: int):
    """The same pairs in the same order, each climbed by the formula, in Python's own numbers."""
    x, y = inputs.astype(np.float64), outputs.astype(np.float64)
    state = seeded(seed)
    order, done = np.arange(text.documents.size), 0
    for _ in range(pace.epochs):
        shuffle(order, state)
        for at in order.tolist():
            rate = pace.rate * max(1 - done / (pace.epochs * order.size), 0.01)
            here, reach = int(text.documents[at]), 1 + below(state, pace.window)
            near = range(max(text.starts[at], at - reach), min(text.ends[at], at + reach + 1))
            pairs = [(here, int(text.documents[o])) for o in near if text.documents[o] != here]
            leads = text.leads[text.offsets[at] : text.offsets[at + 1]]
            for i, o in [*pairs, *((int(lead), here) for lead in leads)]:
                drawn = [int(table[below(state, table.size)]) for _ in range(pace.negatives)]
                change = np.zeros(DIM)
                for target, label in [(o, 1), *((n, 0) for n in drawn if n != o)]:
                    slope = rate * (label - 1 / (1 + math.exp(-float(x[i] @ y[target]))))
                    change += slope * y[target]
                    y[target] += slope * x[i]
                x[i] += change
            done += 1
    return x, y


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("negatives", [0, 1, 4])
def test_training_is_the_formula(seed, negatives):
    text, pace = reading(seed), Pace(1 + seed, negatives, 3, 0.3)
    inputs, outputs = start_vectors(16, DIM, seed), start_vectors(10, DIM, seed + 1)
    table = negatives_table(np.bincount(text.documents, minlength=10), 0.75)
    expected = naive(inputs, outputs, text, table, pace, seed)
    train(inputs, outputs, text, table, pace, seed)
    np.testing.assert_allclose(inputs, expected[0], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(outputs, expected[1], rtol=1e-3, atol=1e-5)


def test_one_step_follows_the_gradient_of_the_objective():
    """For one pair without negatives, against differences of log σ(x · y)."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, DIM).astype(np.float32), rng.normal(0, 1, (1, DIM)).astype(np.float32)

    def objective(x: np.ndarray, y: np.ndarray) -> float:
        return -math.log1p(math.exp(-float(x.astype(np.float64) @ y.astype(np.float64))))

    def gradient(of: int) -> list[float]:
        out = []
        for j in range(DIM):
            sides = []
            for h in (1e-6, -1e-6):
                moved = [x.astype(np.float64), y[0].astype(np.float64)]
                moved[of][j] += h
                sides.append(objective(*moved))
            out.append((sides[0] - sides[1]) / 2e-6)
        return out

    by_x, by_y = gradient(0), gradient(1)
    before_x, before_y = x.copy(), y.copy()
    table, rate = np.zeros(1, np.int32), np.float32(0.01)
    climb(x, y, 0, table, 0, rate, seeded(1), np.empty(DIM, np.float32))
    np.testing.assert_allclose((x - before_x) / 0.01, by_x, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose((y - before_y)[0] / 0.01, by_y, rtol=1e-3, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any),
       st.sampled_from([0.0, 0.75, 1.0]))  # fmt: skip
def test_negatives_are_drawn_in_their_shares(counts, power):
    table = negatives_table(np.array(counts), power)
    shares = np.bincount(table, minlength=len(counts)) / table.size
    weights = np.array([c**power if c else 0.0 for c in counts])
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 7, 1 << 20])
def test_draws_stay_below_their_bound_and_reach_all_of_a_small_one(n):
    state = seeded(3)
    drawn = {below(state, n) for _ in range(400)}
    assert min(drawn) >= 0
    assert max(drawn) < n
    assert n > 7 or drawn == set(range(n))


def test_another_process_learns_the_same_bits():
    code = (
        "import hashlib, numpy as np\n"
        "from tests.oracles.test_sgns_oracle import *\n"
        "text = reading(2, 60); a = start_vectors(16, DIM, 5); b = np.zeros((10, DIM), 'f4')\n"
        "table = negatives_table(np.bincount(text.documents, minlength=10), 0.75)\n"
        "train(a, b, text, table, Pace(4, 5, 4, 0.1), 9)\n"
        "print(hashlib.sha256(a.tobytes() + b.tobytes()).hexdigest())"
    )
    digests = set()
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        run = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout)
    assert len(digests) == 1
