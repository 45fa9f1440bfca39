"""How good predicted clicks are: log-loss, AUC and calibration, with intervals over lists.

Rows of one list stand and fall together, so lists are what is resampled (Efron 1979): a resample
gives each list a weight, and every figure is computed with the weights of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.domain.arrays import F64, I64
from app.offline.confidence import Interval
from app.offline.ctr.fit import log_loss
from app.offline.ctr.rows import ClickRows

BINS = 10
RESAMPLES = 400


class Bin(NamedTuple):
    """Rows of about equal predictions."""

    rows: int
    predicted: float  # mean probability
    observed: float  # share clicked


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on held-out rows."""

    log_loss: Interval
    auc: Interval
    ece: Interval  # expected calibration error: mean |predicted − observed| over the bins
    bins: tuple[Bin, ...]  # tenths of the rows, by prediction
    epochs: int

    def to_json(self) -> dict[str, object]:
        figures = {"log_loss": self.log_loss, "auc": self.auc, "ece": self.ece}
        return {
            "epochs": self.epochs,
            **{name: _ends(value) for name, value in figures.items()},
            "calibration": [
                [b.rows, round(b.predicted, 6), round(b.observed, 6)] for b in self.bins
            ],
        }


@dataclass(frozen=True, slots=True)
class Resamples:
    """The same draws for every model, so that differences are paired."""

    weights: F64  # (RESAMPLES + 1, lists): how often each list was drawn; first all once

    @classmethod
    def draw(cls, lists: int, seed: int, resamples: int = RESAMPLES) -> Resamples:
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(lists, np.full(lists, 1 / lists), resamples)
        return cls(np.vstack([np.ones(lists), drawn]))


def measure(rows: ClickRows, logits: F64, epochs: int, draws: Resamples) -> Measured:
    """Compute every figure on every resample."""
    clicked = rows.clicked.astype(np.float64)
    list_of = np.repeat(np.arange(len(rows)), rows.shown.lengths)
    probability = 1 / (1 + np.exp(-logits))
    order = np.argsort(logits, kind="stable")
    ends = np.flatnonzero(np.diff(logits[order], append=np.inf))  # of each run of equal logits
    bin_of = np.empty(logits.size, np.int64)
    bin_of[order] = np.arange(logits.size) * BINS // max(1, logits.size)
    losses = log_loss(logits, clicked)
    figures = np.empty((len(draws.weights), 3))
    for i, of_lists in enumerate(draws.weights):
        weight = of_lists[list_of]
        figures[i] = (
            np.dot(losses, weight) / max(weight.sum(), 1e-12),
            auc(clicked[order], weight[order], ends),
            _calibration_error(bin_of, probability, clicked, weight),
        )
    loss, area, error = (_interval(figures[:, j]) for j in range(3))
    return Measured(loss, area, error, _bins(bin_of, probability, clicked), epochs)


def loss_difference(rows: ClickRows, ours: F64, theirs: F64, draws: Resamples) -> Interval:
    """Log-loss of one model minus that of another, paired: below 0 where ours is better."""
    clicked = rows.clicked.astype(np.float64)
    per_row = log_loss(ours, clicked) - log_loss(theirs, clicked)
    list_of = np.repeat(np.arange(len(rows)), rows.shown.lengths)
    sums = np.bincount(list_of, per_row, minlength=len(rows))
    totals = draws.weights @ rows.shown.lengths
    return _interval(draws.weights @ sums / np.maximum(totals, 1e-12))


def auc(clicked: F64, weight: F64, ends: I64) -> float:
    """Share of (clicked, unclicked) pairs that are in order, equal ones counting half.

    Rows in ascending order of prediction; `ends`: the last row of each run of equal predictions.
    """
    positives, negatives = (
        np.diff(np.cumsum(w)[ends], prepend=0.0) for w in (weight * clicked, weight * (1 - clicked))
    )
    below = np.cumsum(negatives) - negatives
    pairs = positives.sum() * negatives.sum()
    return float(np.dot(positives, below + negatives / 2) / pairs) if pairs else float("nan")


def _calibration_error(bin_of: I64, probability: F64, clicked: F64, weight: F64) -> float:
    gap = np.bincount(bin_of, weight * (probability - clicked), minlength=BINS)
    return float(np.abs(gap).sum() / max(weight.sum(), 1e-12))


def _bins(bin_of: I64, probability: F64, clicked: F64) -> tuple[Bin, ...]:
    count, predicted, observed = (
        np.bincount(bin_of, w, minlength=BINS) for w in (None, probability, clicked)
    )
    return tuple(
        Bin(int(n), float(p / n), float(o / n))
        for n, p, o in zip(count, predicted, observed, strict=True)
        if n
    )


def _interval(figures: F64) -> Interval:
    """The first figure is that of the rows as they are, the others of the resamples."""
    drawn = figures[1:][np.isfinite(figures[1:])]
    if not drawn.size:
        return Interval(float(figures[0]), float("nan"), float("nan"))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(figures[0]), float(low), float(high))


def _ends(interval: Interval) -> list[float]:
    return [round(x, 6) for x in (interval.mean, interval.low, interval.high)]
