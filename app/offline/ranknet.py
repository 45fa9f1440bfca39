"""RankNet: the pairwise loss, as gradients that LightGBM boosts along.

Burges et al., "Learning to rank using gradient descent", ICML 2005; the form with summed lambdas:
Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82, section 2. LightGBM's lambdarank
weighs each pair by what swapping it would cost in nDCG and looks at the head of the list alone;
here every pair of unequal grades counts alike, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I32, I64

Objective: TypeAlias = Callable[[F64, Any], tuple[F32, F32]]
"""Scores (rows,) and LightGBM's dataset → gradient and hessian of the loss, (rows,) each."""


def ranknet(labels: I32, sizes: I64, weights: F32) -> Objective:
    """Return the loss over query groups: labels and weights (rows,), sizes (groups,).

    A pair weighs what its better document weighs: where weights are inverse propensities of
    clicks, that is the unbiased pairwise loss of Joachims, Swaminathan and Schnabel, WSDM 2017.
    """
    ends = np.cumsum(sizes, dtype=np.int64)

    def objective(scores: F64, _: Any) -> tuple[F32, F32]:
        found: tuple[F32, F32] = pair_gradients(scores, labels, weights, ends)
        return found

    return objective


@njit(cache=True, nogil=True)
def pair_gradients(scores: F64, labels: I32, weights: F32, ends: I64) -> tuple[F32, F32]:
    """Sum log(1 + exp(worse − better)) over pairs, differentiated. Pairs in order: same bits."""
    gradient, hessian = np.zeros(scores.size), np.zeros(scores.size)
    start = 0
    for end in ends:
        for i in range(start, end):
            for j in range(start, end):
                if labels[j] < labels[i]:
                    wrong = 1.0 / (1.0 + np.exp(scores[i] - scores[j]))
                    push, bend = weights[i] * wrong, weights[i] * wrong * (1.0 - wrong)
                    gradient[i] -= push
                    gradient[j] += push
                    hessian[i] += bend
                    hessian[j] += bend
        start = end
    return gradient.astype(np.float32), hessian.astype(np.float32)
