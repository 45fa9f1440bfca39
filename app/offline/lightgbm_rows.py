"""Hands training rows to LightGBM a batch at a time, so that they may lie on disk.

LightGBM keeps a byte a value, for the bin that it falls into; the rows themselves are read once,
in order, and those drawn to place the bins once more. Several parts follow one another without
being joined, and a choice of columns is made as they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np

from app.domain.arrays import F32, I32, I64, Array
from app.domain.errors import InvalidInput
from app.offline.clicks.one_click import Groups, groups_of
from app.offline.dataset import TrainingSet
from app.offline.objectives import targets
from app.offline.recipe import Objective

BATCH_ROWS = 8192
MAX_GRADE = 30  # LightGBM's nDCG gains 2^grade − 1 and knows no higher one


class _Rows(lightgbm.Sequence):
    """Features of one part, as LightGBM asks for them: its interface, hence the inheritance."""

    batch_size = BATCH_ROWS

    def __init__(self, features: F32, columns: I64 | None, order: I64 | None) -> None:
        self._features = np.asarray(features)  # a plain view: np.memmap is slow at single rows
        self._columns = columns
        self._order = order  # rows to hand over, possibly several times each; None: as they stand

    def __len__(self) -> int:
        return len(self._features if self._order is None else self._order)

    def __getitem__(self, index: int | slice) -> Array:
        rows = self._features[index if self._order is None else self._order[index]]
        chosen = rows if self._columns is None else rows[..., self._columns]
        # It pushes batches of float32, and samples single rows of float64.
        return chosen if isinstance(index, slice) else chosen.astype(np.float64)


def lightgbm_dataset(
    parts: Sequence[TrainingSet], columns: I64 | None, objective: Objective | None
) -> Any:
    """Return a dataset of all parts in their order; without an objective, to measure nDCG on.

    Raises InvalidInput for a grade that LightGBM's nDCG cannot take.
    """
    labels = np.concatenate([p.labels for p in parts])
    _refuse_high(labels)
    given = [_groups(p, objective) for p in parts]
    labels = np.concatenate([g.labels for g in given])
    weights = np.concatenate([g.weights for g in given])
    positions = np.concatenate([g.positions for g in given])
    d = parts[0].features.shape[1] if columns is None else len(columns)
    return lightgbm.Dataset(
        [_Rows(p.features, columns, g.rows) for p, g in zip(parts, given, strict=True) if len(p)],
        labels if objective is None else targets(objective, labels),
        group=np.concatenate([g.sizes for g in given]),
        weight=weights if objective is not None else _certain(weights),
        position=positions if objective is not None and positions.any() else None,
        feature_name=[f"f{i}" for i in range(d)],  # LightGBM refuses brackets in names
    )


def _groups(rows: TrainingSet, objective: Objective | None) -> Groups:
    """Groups as the loss, or (without one) as nDCG needs them where clicks weigh differently.

    The pairwise loss weighs pairs itself; a pointwise one knows no groups.
    """
    if objective in (None, "lambdarank", "rank_xendcg"):
        return groups_of(rows)
    return Groups(None, rows.labels, rows.weights, rows.positions, rows.sizes)


def _refuse_high(labels: I32) -> None:
    if labels.size and not 0 <= labels.min() <= labels.max() <= MAX_GRADE:
        raise InvalidInput(
            f"grades run from {labels.min()} to {labels.max()}; write them as 0..{MAX_GRADE}"
        )


def _certain(weights: F32) -> F32:
    """Weights of a valid set, in a form that LightGBM keeps: only their ratios matter to it.

    It drops weights that are all 1; and where a valid set has none, but the rows to fit on have,
    it takes all to be 0, and its nDCG is NaN.
    """
    return 2 * weights
