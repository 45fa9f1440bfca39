"""One pass of AdaGrad over the rows, in the order given, on one thread: the same bits every time.

Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 2011, per weight as in Juan et al.,
"Field-aware factorization machines for CTR prediction", RecSys 2016: the sum of squared gradients
begins at 1. The gradient is that of log-loss plus l2/2 × the squared weights of the row's values.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, I32, I64, Bools
from app.rank.factorization import predict


class Lists(NamedTuple):
    """Rows as the loops read them: lists of shown documents, by slots among the weights."""

    asked_from: I64  # (s + 1,)
    asked: I32  # slots, −1 where the value has no weight
    fields: I32
    values: F32
    shown_from: I64  # (s + 1,)
    shown: I32  # rows of `slots`
    positions: I32
    clicked: Bools
    slots: I32  # (documents, document fields)


class Learner(NamedTuple):
    """The weights under way, each with its sum of squared gradients."""

    linear: F32  # (m,)
    latent: F32  # (m, width)
    examination: F32  # (POSITIONS + 1,)
    linear_sum: F32
    latent_sum: F32
    examination_sum: F32


class Steps(NamedTuple):
    """How far one step goes."""

    rate: np.float32
    l2: np.float32
    request_fields: int
    k: int
    is_aware: bool


@njit(cache=True, nogil=True)
def descend(order: I64, list_of: I32, rows: Lists, w: Learner, steps: Steps) -> None:
    """Take one step for each row of `order`. `list_of`: (n,) the list that a row stands in."""
    most = 0
    for i in range(rows.asked_from.size - 1):
        most = max(most, rows.asked_from[i + 1] - rows.asked_from[i])
    most += rows.slots.shape[1]
    at, fields = np.empty(most, np.int32), np.empty(most, np.int32)
    x = np.empty(most, np.float32)
    gradient = np.empty((most, w.latent.shape[1]), np.float32)
    for row in order:
        n = collect(rows, row, list_of[row], at, fields, x, steps.request_fields)
        position = rows.positions[row]
        total = logit_and_slope(w, at[:n], fields[:n], x[:n], gradient, steps.k, steps.is_aware)
        total += w.examination[position]
        error = np.float32(1 / (1 + math.exp(-total)) - rows.clicked[row])
        _step(w.examination, w.examination_sum, position, error, steps.rate)
        for a in range(n):
            i = at[a]
            _step(w.linear, w.linear_sum, i, error * x[a] + steps.l2 * w.linear[i], steps.rate)
            _step_all(w, i, error, gradient[a], steps)


@njit(cache=True, nogil=True)
def collect(
    rows: Lists, row: int, of_list: int, at: I32, fields: I32, x: F32, request_fields: int
) -> int:
    """Write the row's weights, fields and values; return how many there are."""
    n = 0
    for place in range(rows.asked_from[of_list], rows.asked_from[of_list + 1]):
        if rows.asked[place] >= 0:
            at[n], fields[n], x[n] = rows.asked[place], rows.fields[place], rows.values[place]
            n += 1
    for b in range(rows.slots.shape[1]):
        slot = rows.slots[rows.shown[row], b]
        if slot >= 0:
            at[n], fields[n], x[n] = slot, request_fields + b, np.float32(1.0)
            n += 1
    return n


@njit(cache=True, nogil=True)
def logit_and_slope(
    w: Learner, at: I32, fields: I32, x: F32, gradient: F32, k: int, is_aware: bool
) -> np.float32:
    """Return the logit without examination; write ∂logit/∂latent of each value. (n, width)"""
    total = np.float32(0.0)
    for a in range(at.size):
        total += w.linear[at[a]] * x[a]
        gradient[a] = np.float32(0.0)
    if not w.latent.shape[1]:
        return total
    if is_aware:
        pairs: np.float32 = _aware_pairs(w.latent, at, fields, x, gradient, k)
    else:
        pairs = _pairs(w.latent, at, x, gradient, k)
    return total + pairs


@njit(cache=True, nogil=True)
def _pairs(latent: F32, at: I32, x: F32, gradient: F32, k: int) -> np.float32:
    """½ (|Σ v x|² − Σ |v x|²), linear in the values (Rendle 2010, lemma 3.1)."""
    total = np.float32(0.0)
    sums = np.zeros(k, np.float32)
    for a in range(at.size):
        for t in range(k):
            sums[t] += latent[at[a], t] * x[a]
    for t in range(k):
        total += sums[t] * sums[t]
    for a in range(at.size):
        for t in range(k):
            own = latent[at[a], t] * x[a]
            total -= own * own
            gradient[a, t] = x[a] * (sums[t] - own)
    return np.float32(0.5) * total


@njit(cache=True, nogil=True)
def _aware_pairs(latent: F32, at: I32, fields: I32, x: F32, gradient: F32, k: int) -> np.float32:
    """Σ ⟨v_i→f(j), v_j→f(i)⟩ x_i x_j over the pairs."""
    total = np.float32(0.0)
    for a in range(at.size):
        for b in range(a + 1, at.size):
            xx, at_a, at_b = x[a] * x[b], fields[b] * k, fields[a] * k
            for t in range(k):
                v, u = latent[at[a], at_a + t], latent[at[b], at_b + t]
                total += v * u * xx
                gradient[a, at_a + t] += u * xx
                gradient[b, at_b + t] += v * xx
    return total


@njit(cache=True, nogil=True)
def _step(weights: F32, sums: F32, i: int, slope: np.float32, rate: np.float32) -> None:
    sums[i] += slope * slope
    weights[i] -= rate * slope / np.sqrt(sums[i])


@njit(cache=True, nogil=True)
def _step_all(w: Learner, i: int, error: np.float32, gradient: F32, steps: Steps) -> None:
    """Step the vectors of one value."""
    for t in range(gradient.size):
        slope = error * gradient[t] + steps.l2 * w.latent[i, t]
        w.latent_sum[i, t] += slope * slope
        w.latent[i, t] -= steps.rate * slope / np.sqrt(w.latent_sum[i, t])


@njit(cache=True, nogil=True)
def logits_of(rows: Lists, w: Learner, own: F32, steps: Steps) -> F32:
    """Predict every row where it stood, by the loop that serves. (n,)"""
    out = np.empty(rows.shown.size, np.float32)
    for i in range(rows.asked_from.size - 1):
        asked = slice(rows.asked_from[i], rows.asked_from[i + 1])
        shown = slice(rows.shown_from[i], rows.shown_from[i + 1])
        out[shown] = predict(
            rows.shown[shown], rows.slots, own, w.linear, w.latent, 0.0,
            rows.asked[asked], rows.fields[asked], rows.values[asked],
            steps.request_fields, steps.k, steps.is_aware,
        )  # fmt: skip
        for row in range(rows.shown_from[i], rows.shown_from[i + 1]):
            out[row] += w.examination[rows.positions[row]]
    return out
