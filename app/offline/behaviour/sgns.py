"""Skip-gram with negative sampling (Mikolov et al. 2013, arXiv:1310.4546), one update at a time.

    L(i, o) = log σ(x_i · y_o) + Σ_k log σ(−x_i · y_n(k))        n(k) drawn; o itself is skipped

x are the inputs (documents, queries, terms), y the outputs, which only documents have. One thread,
one generator, sums in a fixed order: equal arguments give equal bits, in every process.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, I32, I64, U64

SLOTS = 1 << 20
"""Of the table that negatives are drawn from: a share far below one in a million is not drawn."""


class Reading(NamedTuple):
    """What is read: actions, one sitting after another, each in order of time."""

    documents: I32  # (a,) acted on
    starts: I64  # (a,) where the sitting of each action begins
    ends: I64  # (a,)
    leads: I32  # inputs of queries and terms that led to an action, see offsets
    offsets: I64  # (a + 1,) leads of each action


class Pace(NamedTuple):
    """How it is read."""

    window: int  # actions on each side, at most: how many is drawn, so that near ones count more
    negatives: int  # drawn for each pair
    epochs: int
    rate: float  # of learning, falling to a hundredth of it


def negatives_table(counts: I64, power: float) -> I32:
    """Return the outputs to draw from, each in a share of counts^power. (SLOTS,)"""
    weights = np.where(counts > 0, np.maximum(counts, 1).astype(np.float64) ** power, 0.0)
    ends = np.cumsum(weights)
    at = (np.arange(SLOTS) + 0.5) * (ends[-1] / SLOTS)
    return np.asarray(np.searchsorted(ends, at), np.int32)


@njit(cache=True, nogil=True)
def train(inputs: F32, outputs: F32, reading: Reading, table: I32, pace: Pace, seed: int) -> None:
    """Train both in place. Each epoch reads every action once, in an order of its own."""
    state = seeded(seed)
    order = np.arange(reading.documents.size)
    change = np.empty(inputs.shape[1], np.float32)
    total, done = pace.epochs * order.size, 0
    for _ in range(pace.epochs):
        shuffle(order, state)
        for at in order:
            rate = np.float32(pace.rate * max(1.0 - done / total, 0.01))
            document, reach = reading.documents[at], 1 + below(state, pace.window)
            first, last = max(reading.starts[at], at - reach), min(reading.ends[at], at + reach + 1)
            for other in reading.documents[first:last]:
                if other != document:
                    climb(
                        inputs[document], outputs, other, table, pace.negatives, rate, state, change
                    )
            for lead in reading.leads[reading.offsets[at] : reading.offsets[at + 1]]:
                climb(inputs[lead], outputs, document, table, pace.negatives, rate, state, change)
            done += 1


@njit(cache=True, nogil=True)
def climb(
    x: F32, outputs: F32, wanted: int, table: I32, negatives: int, rate: np.float32,
    state: U64, change: F32,
) -> None:  # fmt: skip
    """One step up the gradient of L; x moves last, by `change`, which is scratch. (dim,)"""
    change[:] = np.float32(0)
    for k in range(negatives + 1):
        target, label = wanted, np.float32(1)
        if k > 0:
            target, label = table[below(state, table.size)], np.float32(0)
            if target == wanted:
                continue
        dot = np.float32(0)
        for j in range(x.size):
            dot += x[j] * outputs[target, j]
        slope = rate * (label - np.float32(1.0 / (1.0 + math.exp(-dot))))
        for j in range(x.size):
            change[j] += slope * outputs[target, j]
            outputs[target, j] += slope * x[j]
    for j in range(x.size):
        x[j] += change[j]


@njit(cache=True, nogil=True)
def start_vectors(n: int, dim: int, seed: int) -> F32:
    """Return numbers drawn evenly from ±½ ÷ dim. (n, dim)"""
    state, out = seeded(seed), np.empty((n, dim), np.float32)
    for i in range(n):
        for j in range(dim):
            out[i, j] = (np.float64(draw(state) >> np.uint64(11)) * 2.0**-53 - 0.5) / dim
    return out


@njit(cache=True, nogil=True)
def shuffle(order: I64, state: U64) -> None:
    """Put in random order (Fisher and Yates; Knuth, TAOCP 2, 3.4.2, algorithm P)."""
    for i in range(order.size - 1, 0, -1):
        j = below(state, i + 1)
        order[i], order[j] = order[j], order[i]


@njit(cache=True, nogil=True)
def seeded(seed: int) -> U64:
    """Return the state of a generator. (1,)"""
    return np.array([np.uint64(seed)], np.uint64)


@njit(cache=True, nogil=True)
def below(state: U64, n: int) -> int:
    """Draw from 0 to n − 1, n < 2³²: a bias below n ÷ 2³² is let pass."""
    return int(((draw(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def draw(state: U64) -> Any:
    """Draw 64 bits: splitmix64 (Steele, Lea and Flood 2014, doi 10.1145/2660193.2660195)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
