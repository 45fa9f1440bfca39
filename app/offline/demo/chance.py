"""Random draws that the generator shares: named streams, Zipf ranks, weighted picks by row."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from app.domain.arrays import F64, I64, Array


class Stream(IntEnum):
    """One independent stream of randomness per part, so that no part shifts another's draws."""

    COINS = 1
    BRANDS = 2
    CATALOGUE = 3
    PEOPLE = 4
    SESSIONS = 5
    SHOWN = 6
    CLICKS = 7
    WORDING = 8
    JUDGED = 9


def stream(seed: int, part: Stream, block: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, int(part), block])


def zipf_ranks(rng: np.random.Generator, count: int, size: int, exponent: float = 1.0) -> I64:
    """Draw (size,) ranks in [0, count) with P(r) ∝ 1 / (r + 2)^exponent (Zipf–Mandelbrot)."""
    weights = np.power(np.arange(count) + 2.0, -exponent)
    return pick(rng, weights, size)


def pick(rng: np.random.Generator, weights: Array, size: int) -> I64:
    """Draw (size,) positions with probability proportional to `weights` (count,)."""
    cumulative = np.cumsum(weights)
    found: I64 = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], "right")
    return found


def pick_by_row(rng: np.random.Generator, weights: F64) -> I64:
    """Draw one position in each row of `weights` (n, count); → (n,)."""
    cumulative = np.cumsum(weights, axis=1)
    draw = rng.random((len(weights), 1)) * cumulative[:, -1:]
    found: I64 = (cumulative <= draw).sum(axis=1)
    last: I64 = np.minimum(found, weights.shape[1] - 1)
    return last


def pick_word(rng: np.random.Generator, table: Array, rows: Array) -> Array:
    """Draw one entry of each `table[row]` (padded with −1 at its end), early ones more often."""
    counts = (table >= 0).sum(axis=1)[rows]
    skewed = rng.random(len(rows)) ** 1.7
    return np.asarray(table[rows, (skewed * counts).astype(np.int64)])
