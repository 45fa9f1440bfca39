"""One click a group: how a click's weight becomes a loss over a whole list.

Inverse propensity scoring weighs what a *click* adds to the loss: every pair in which the clicked
document shall win. LightGBM weighs *rows*: it multiplies a row's gradient, summed over its pairs,
by the row's weight, so that a weight on the clicked row alone would pull it up by 1 / propensity
and push down what it beat by 1. So a list with n clicks becomes n groups, each the clicked
document with what it shall beat, all rows of a group with the weight of its click times the gain
of its grade, 2^grade − 1 (in a group of one relevant document nDCG would divide it out). Then

- lambdarank's sum over groups is the loss over clicks of Joachims, Swaminathan and Schnabel
  (WSDM 2017), each pair with the DCG that it moves, as in Agarwal, Takatsu, Zaitsev and Joachims,
  "A general framework for counterfactual learning-to-rank" (SIGIR 2019): unbiased, because DCG
  adds over relevant documents (nDCG's ideal is not known from clicks; it is left out);
- rank_xendcg's is the weighted softmax loss of Ai, Bi, Luo, Guo and Croft (SIGIR 2018);
- LightGBM's nDCG on valid groups, which weighs a group by the mean of its rows, is the
  counterfactual estimate of the same measure.

Documents with the same or a higher grade are not in the group: they win in groups of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F32, I32, I64
from app.offline.dataset import TrainingSet

WON = 5
"""Label of the clicked document. rank_xendcg draws its target from 2^label − u, u in [0, 1): at 5
nearly all of it is the clicked document's, as the softmax loss has it. The others' is 0."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows of a training set in groups, possibly several times each. (r,) each"""

    rows: I64 | None  # (r,) ordinals in the training set; None: all, as they stand
    labels: I32
    weights: F32
    positions: I32
    sizes: I64  # (groups,)


def groups_of(given: TrainingSet) -> Groups:
    """Return one group a click where clicks weigh differently, else the groups as they are."""
    if (given.weights == 1).all():
        return Groups(None, given.labels, given.weights, given.positions, given.sizes)
    ends = np.cumsum(given.sizes)
    winners = np.flatnonzero(given.labels > 0)
    of = np.searchsorted(ends, winners, side="right")
    lengths = given.sizes[of]
    before = np.cumsum(lengths) - lengths
    rows = np.repeat(ends[of] - lengths - before, lengths) + np.arange(lengths.sum())
    winner = np.repeat(winners, lengths)
    keep = (rows == winner) | (given.labels[rows] < given.labels[winner])
    group = np.repeat(np.arange(winners.size), lengths)[keep]
    rows, winner = rows[keep], winner[keep]
    return Groups(
        rows,
        np.where(rows == winner, WON, 0).astype(np.int32),
        given.weights[winner] * (np.exp2(given.labels[winner]) - 1).astype(np.float32),
        given.positions[rows],
        np.bincount(group, minlength=winners.size).astype(np.int64),
    )
