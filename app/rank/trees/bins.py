"""Turns thresholds into the tables by which a value becomes a bin: how many lie below it.

In two steps: first every eighth threshold (the heads) is compared with all rows at once, which
tells each row's group; then a row is compared with the eight of its group at once. Where there are
few thresholds all of them are heads, and the second step is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from app.domain.arrays import F32, F64, I32, I64, Bools
from app.rank.trees.text import NotExpressible, Tree

MAX_THRESHOLDS = 255  # a bin is a byte
NEAR = 8
"""Thresholds of a group, compared with one value at once."""

FEW = 24
"""Up to here comparing all rows with every threshold is cheaper than a row with its group."""

ZERO = float(np.float32(1e-35))
"""LightGBM reads a value no larger than this, up or down, as 0 (meta.h, kZeroThreshold)."""

NAN_HIGH, TURNED = 2, 1
"""Bits of a column's kind, beside its feature."""


class Bins(NamedTuple):
    """How values become bins. u features are read by some split."""

    features: I64  # (u,) which they are
    nan_as_zero: Bools  # (u,) LightGBM saw no NaN in training: it reads one as 0
    heads: F32  # of all, ascending within a feature: the last threshold of every group but one
    head_bounds: I64  # (u + 1,) a feature's heads are heads[head_bounds[i]:head_bounds[i + 1]]
    groups: F32  # thresholds by NEAR, the last group filled with infinities
    starts: I64  # (u,) where a feature's groups begin; -1: its heads are all its thresholds
    columns: I32  # (u, 4) the column of each kind, -1 where no split wants it


def thresholds_of(features: int, trees: Sequence[Tree]) -> list[F64]:
    """Return each feature's distinct thresholds, ascending. Raises NotExpressible."""
    found = [set[float]() for _ in range(features)]
    for tree in trees:
        splits = zip(tree.features.tolist(), tree.thresholds.tolist(), strict=True)
        for feature, threshold in splits:
            found[feature].add(threshold)
    if (most := max(map(len, found), default=0)) > MAX_THRESHOLDS:
        raise NotExpressible(f"{most} thresholds of one feature; at most {MAX_THRESHOLDS}")
    return [np.array(sorted(values)) for values in found]


def bins_of(
    thresholds: Sequence[F64], nan_as_zero: Bools, columns: Mapping[tuple[int, int], int]
) -> Bins:
    """Lay out each feature's thresholds; `columns` says which (feature, kind) has which place."""
    used = np.array([i for i, values in enumerate(thresholds) if values.size], np.int64)
    singles = [_as_float32(thresholds[i]) for i in used]
    heads = [t if t.size <= FEW else t[NEAR - 1 : -1 : NEAR] for t in singles]
    groups = [t[:0] if t.size <= FEW else _filled_up(t) for t in singles]
    starts = np.cumsum([0, *(g.size for g in groups[:-1])])[: used.size]
    places = [[columns.get((int(i), kind), -1) for kind in range(4)] for i in used]
    return Bins(
        used, nan_as_zero[used],
        _joined(heads), np.cumsum([0, *(h.size for h in heads)]),
        _joined(groups), np.where([g.size > 0 for g in groups], starts, -1).astype(np.int64),
        np.array(places, np.int32).reshape(-1, 4),
    )  # fmt: skip


def _filled_up(thresholds: F32) -> F32:
    return np.append(thresholds, np.full(-thresholds.size % NEAR, np.float32(np.inf)))


def _joined(parts: Sequence[F32]) -> F32:
    return np.concatenate([*parts, np.zeros(0, np.float32)])


def _as_float32(thresholds: F64) -> F32:
    """Return the largest float32 not above each threshold: the same answer for every float32.

    A threshold at which a value that is read as 0 would be told from 0 is moved out of the way.
    """
    below, above = (thresholds >= -ZERO) & (thresholds < 0), (thresholds >= 0) & (thresholds < ZERO)
    moved = np.where(below, np.nextafter(-ZERO, -np.inf), np.where(above, ZERO, thresholds))
    with np.errstate(over="ignore"):
        single = moved.astype(np.float32)
    too_high = single.astype(np.float64) > moved
    single[too_high] = np.nextafter(single[too_high], np.float32(-np.inf))
    return single
