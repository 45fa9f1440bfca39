"""Fits a click model: epochs of AdaGrad until the valid lists stop improving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F32, F64, I32
from app.offline.ctr.descent import Learner, Lists, Steps, descend, logits_of
from app.offline.ctr.recipe import ClickRecipe
from app.offline.ctr.rows import ClickRows
from app.rank.factorization import POSITIONS, SERVED_AT, FactorizationModel, Shape, Weights


@dataclass(frozen=True, slots=True)
class FittedClicks:
    """A model and how it came about."""

    model: FactorizationModel
    epochs: int  # that it was trained for
    valid_loss: float  # log-loss of the valid rows after them; NaN without


def fit_clicks(
    rows: ClickRows,
    catalogue: I32,
    shape: Shape,
    recipe: ClickRecipe,
    valid: ClickRows | None = None,
    epochs: int | None = None,
) -> FittedClicks:
    """Train on `rows`: until `valid` gets worse, or for so many `epochs`.

    `catalogue`: (documents, document fields) hashes, of rows.hash_catalogue. Only values that occur
    in `rows` get weights. Same rows, same recipe: same bits.
    """
    hashes = _present(rows, catalogue)
    slot_of = np.full(2**shape.bits + 1, -1, np.int32)
    slot_of[hashes] = np.arange(hashes.size, dtype=np.int32)
    slots = slot_of[catalogue]
    lists = as_lists(rows, slot_of, slots)
    held_out = as_lists(valid, slot_of, slots) if valid is not None else None
    rng = np.random.default_rng(recipe.seed)
    learner = _begin(hashes.size, shape, rows, recipe, rng)
    steps = Steps(
        np.float32(recipe.learning_rate), np.float32(recipe.l2),
        len(shape.request), shape.k, shape.objective == "ffm",
    )  # fmt: skip
    list_of = np.repeat(np.arange(len(rows), dtype=np.int32), rows.shown.lengths)
    best, best_epoch, best_loss = learner, 0, np.inf
    for epoch in range(1, (epochs or recipe.epochs) + 1):
        descend(rng.permutation(list_of.size), list_of, lists, learner, steps)
        if held_out is None:
            best, best_epoch = learner, epoch
            continue
        loss = _log_loss(held_out, learner, shape, hashes, steps)
        if loss >= best_loss:
            break
        best, best_epoch, best_loss = _copy(learner), epoch, loss
    weights = _weights(hashes, best, rows)
    loss = best_loss if held_out is not None else np.nan
    return FittedClicks(FactorizationModel(shape, weights), best_epoch, float(loss))


def as_lists(rows: ClickRows, slot_of: I32, slots: I32) -> Lists:
    """Resolve hashes to places among the weights."""
    return Lists(
        rows.asked.offsets, slot_of[rows.asked.values], rows.fields, rows.weights,
        rows.shown.offsets, rows.shown.values, rows.positions, rows.clicked, slots,
    )  # fmt: skip


def predict_rows(model: FactorizationModel, rows: ClickRows, catalogue: I32) -> F64:
    """Log odds of every row where it stood. (n,)"""
    slots = model.slot_of[catalogue]
    lists = as_lists(rows, model.slot_of, slots)
    w, shape = model.weights, model.shape
    empty = np.empty(0, np.float32)
    learner = Learner(w.linear, w.latent, w.examination, empty, empty.reshape(0, 0), empty)
    steps = Steps(
        np.float32(0), np.float32(0), len(shape.request), shape.k, shape.objective == "ffm"
    )
    found: F32 = logits_of(lists, learner, model.own(slots), steps)
    return found.astype(np.float64)


def log_loss(logits: F64, clicked: F64) -> F64:
    """−log of the probability that was given to what happened, row by row. (n,)"""
    return np.logaddexp(0.0, logits) - clicked * logits


def _begin(
    m: int, shape: Shape, rows: ClickRows, recipe: ClickRecipe, rng: np.random.Generator
) -> Learner:
    """No weight yet but the share of clicks; vectors around 0, drawn by seed."""
    share = (rows.clicked.sum() + 0.5) / (rows.clicked.size + 1.0)
    bias = np.float32(np.log(share / (1 - share)))
    latent = rng.normal(0.0, recipe.spread, (m, shape.width)).astype(np.float32)
    examination = np.full(POSITIONS + 1, bias, np.float32)
    return Learner(
        np.zeros(m, np.float32), latent, examination,
        np.ones(m, np.float32), np.ones_like(latent), np.ones_like(examination),
    )  # fmt: skip


def _present(rows: ClickRows, catalogue: I32) -> I32:
    documents = np.unique(rows.shown.values)
    found = np.unique(np.concatenate([rows.asked.values, catalogue[documents].ravel()]))
    return found[found >= 0].astype(np.int32)


def _log_loss(lists: Lists, learner: Learner, shape: Shape, hashes: I32, steps: Steps) -> float:
    model = FactorizationModel(
        shape, Weights(hashes, learner.linear, learner.latent, learner.examination)
    )
    found = logits_of(lists, learner, model.own(lists.slots), steps).astype(np.float64)
    return float(log_loss(found, lists.clicked.astype(np.float64)).mean())


def _weights(hashes: I32, learner: Learner, rows: ClickRows) -> Weights:
    """What is served is judged as if it stood first; unknown where no position ever was known."""
    examination = learner.examination.copy()
    if not (rows.positions > 0).any():
        examination[SERVED_AT] = examination[0]
    return Weights(hashes, learner.linear, learner.latent, examination)


def _copy(learner: Learner) -> Learner:
    return Learner(*(array.copy() for array in learner))
