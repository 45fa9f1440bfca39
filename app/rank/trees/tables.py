"""Turns trees into the tables that the scorer reads: thresholds a feature, and masks a tree.

A tree's leaves are numbered in the order of a walk that visits the smaller child first. A split
that sends a row to its second child rules out the leaves of the first, which are consecutive; what
is left after all splits begins with the row's leaf. So a tree is a list of operations

    where bin(column) > threshold: clear these bits

one for each split and byte of leaves. A column is a feature's bins as a split wants them: with NaN
as the lowest bin or the highest (where a missing value goes), and turned round (255 − bin) where
the smaller child is the right one and "goes left" is what clears.

Lucchese, Nardini, Orlando, Perego, Tonellotto, Venturini: "QuickScorer", SIGIR 2015; by bytes and
many rows at a time after "RapidScorer" (Ye et al., KDD 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.domain.arrays import F32, F64, I32, I64, U8, Bools
from app.rank.trees.text import NotExpressible, Tree

MAX_THRESHOLDS = 255  # a bin is a byte
CELLS = 256
NEAR = 8
"""Thresholds compared at once. A value's cell says where to begin, if none holds more of them."""

ZERO = float(np.float32(1e-35))
"""LightGBM reads a value no larger than this, up or down, as 0 (meta.h, kZeroThreshold)."""

NAN_HIGH, TURNED = 2, 1
"""Bits of a column's kind, beside its feature."""


class Bins(NamedTuple):
    """How values become bins, the count of the feature's thresholds below the value. f features."""

    starts: I64  # (f,) where a feature's thresholds begin
    counts: I64  # (f,) how many there are; 0 is a feature that no tree reads
    thresholds: F32  # all, ascending within a feature, each followed by infinities to read past
    nan_as_zero: Bools  # (f,) LightGBM saw no NaN in training: it reads one as 0
    lows: F32  # (f,) cell = (value − low) · scale, clipped to 0 … CELLS − 1
    scales: F32  # (f,) 0 where cells do not help, and the search is by halves
    cells: U8  # (f, CELLS) thresholds in the cells before
    columns: I32  # (f, 4) the column of each kind, -1 where no split wants it


class Tables(NamedTuple):
    """An ensemble as the kernel reads it. t trees, P bytes of leaves."""

    bins: Bins
    columns: int
    operations: I32  # column | threshold << 16 | bits to clear << 24
    bounds: I32  # (t · P + 1,) byte p of tree i has operations bounds[i · P + p] and on
    planes: int  # P
    leaves: F64  # (t, 8 · P)


@dataclass(frozen=True, slots=True)
class _Split:
    feature: int
    threshold: float
    kind: int  # of its column
    first: int  # leaves first:end are ruled out
    end: int


def build(features: int, trees: Sequence[Tree]) -> Tables:
    """Lay out an ensemble over `features`. Raises NotExpressible."""
    nan_as_zero = _nan_as_zero(features, trees)
    numbered = [_number(tree, nan_as_zero) for tree in trees]
    planes = max((leaves.size + 7) // 8 for _, leaves in numbered) if numbered else 1
    wanted = sorted({(s.feature, s.kind) for splits, _ in numbered for s in splits})
    columns = {key: place for place, key in enumerate(wanted)}
    by_feature = _thresholds(features, trees)
    operations, bounds = [], [0]
    for splits, _ in numbered:
        for plane in range(planes):
            operations += list(_clearing(splits, plane, columns, by_feature))
            bounds.append(len(operations))
    leaves = np.zeros((len(trees), 8 * planes))
    for i, (_, values) in enumerate(numbered):
        leaves[i, : values.size] = values
    return Tables(
        _bins(by_feature, nan_as_zero, columns), len(columns),
        np.array(operations, np.int64).astype(np.uint32).view(np.int32),
        np.array(bounds, np.int32), planes, leaves,
    )  # fmt: skip


def _nan_as_zero(features: int, trees: Sequence[Tree]) -> Bools:
    """Tell the features whose NaN is read as 0; a feature is of one kind in all trees."""
    missing = [set[bool]() for _ in range(features)]
    for tree in trees:
        for feature, is_missing in zip(tree.features, tree.nan_is_missing, strict=True):
            missing[feature].add(bool(is_missing))
    if any(len(kinds) > 1 for kinds in missing):
        raise NotExpressible("a feature whose NaN is missing in one tree and 0 in another")
    return np.array([kinds == {False} for kinds in missing])


def _number(tree: Tree, nan_as_zero: Bools) -> tuple[list[_Split], F64]:
    """Walk the tree, the smaller child first; return its splits and its leaves in that order."""
    sizes = _sizes(tree)
    splits: list[_Split] = []
    leaves: list[float] = []

    def walk(node: int) -> None:
        if node < 0:
            leaves.append(tree.leaves[~node])
            return
        left, right = int(tree.left[node]), int(tree.right[node])
        turned = sizes[right] < sizes[left]
        first, second = (right, left) if turned else (left, right)
        start = len(leaves)
        walk(first)
        feature = int(tree.features[node])
        high = not (tree.default_left[node] or nan_as_zero[feature])
        kind = NAN_HIGH * high + TURNED * turned
        splits.append(_Split(feature, tree.thresholds[node], kind, start, len(leaves)))
        walk(second)

    walk(0 if tree.features.size else -1)
    return splits, np.array(leaves)


def _sizes(tree: Tree) -> dict[int, int]:
    """Leaves under each node, and 1 for a leaf."""
    sizes = {~leaf: 1 for leaf in range(tree.leaves.size)}

    def count(node: int) -> int:
        if node not in sizes:
            sizes[node] = count(int(tree.left[node])) + count(int(tree.right[node]))
        return sizes[node]

    count(0 if tree.features.size else -1)
    return sizes


def _thresholds(features: int, trees: Sequence[Tree]) -> list[F64]:
    """Each feature's distinct thresholds, ascending."""
    found = [set[float]() for _ in range(features)]
    for tree in trees:
        for feature, threshold in zip(tree.features, tree.thresholds, strict=True):
            found[feature].add(float(threshold))
    if (most := max(map(len, found), default=0)) > MAX_THRESHOLDS:
        raise NotExpressible(f"{most} thresholds of one feature; at most {MAX_THRESHOLDS}")
    return [np.array(sorted(values)) for values in found]


def _clearing(
    splits: Sequence[_Split],
    plane: int,
    columns: dict[tuple[int, int], int],
    thresholds: Sequence[F64],
) -> Iterator[int]:
    """Yield the operations of one byte of a tree's leaves."""
    for split in splits:
        low, high = max(split.first, 8 * plane), min(split.end, 8 * plane + 8)
        if low < high:
            clear = ((1 << (high - low)) - 1) << (low - 8 * plane)
            at = int(np.searchsorted(thresholds[split.feature], split.threshold))
            above = 254 - at if split.kind & TURNED else at  # 255 − bin > 254 − at ⇔ bin <= at
            signed = above ^ 128  # bytes are compared as signed ones, which processors can
            yield columns[split.feature, split.kind] | signed << 16 | clear << 24


def _bins(
    thresholds: Sequence[F64], nan_as_zero: Bools, columns: dict[tuple[int, int], int]
) -> Bins:
    f = len(thresholds)
    counts = np.array([t.size for t in thresholds], np.int64)
    padded = [np.append(_as_float32(t), np.full(MAX_THRESHOLDS + 1 - t.size % 8 + NEAR, np.inf))
              for t in thresholds]  # fmt: skip
    starts = np.zeros(f, np.int64)
    np.cumsum([p.size for p in padded[:-1]], out=starts[1:])
    lows, scales = np.zeros(f, np.float32), np.zeros(f, np.float32)
    cells = np.zeros((f, CELLS), np.uint8)
    for feature, values in enumerate(thresholds):
        lows[feature], scales[feature], cells[feature] = _cells(_as_float32(values))
    places = np.full((f, 4), -1, np.int32)
    for (feature, kind), place in columns.items():
        places[feature, kind] = place
    return Bins(
        starts, counts, np.concatenate(padded).astype(np.float32), nan_as_zero,
        lows, scales, cells, places,
    )  # fmt: skip


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


def cell_of(values: F32, low: np.float32, scale: np.float32) -> I64:
    """Return each value's cell exactly as the kernel computes it: float32, step by step. (n,)"""
    with np.errstate(all="ignore"):
        place = (values - low) * scale
        place = np.where(place > 0, place, np.float32(0))
        place = np.where(place < np.float32(CELLS - 1), place, np.float32(CELLS - 1))
    return place.astype(np.int64)


def _cells(thresholds: F32) -> tuple[np.float32, np.float32, U8]:
    """Cut the range of the thresholds into cells; scale 0 where one would hold more than NEAR."""
    nothing = np.float32(0), np.float32(0), np.zeros(CELLS, np.uint8)
    finite = thresholds[np.abs(thresholds) < 1e30]
    if finite.size < 2 or finite[-1] <= finite[0]:
        return nothing
    with np.errstate(all="ignore"):
        scale = np.float32(CELLS - 1) / (finite[-1] - finite[0])
    if not (np.isfinite(scale) and scale > 0):
        return nothing
    cells = cell_of(thresholds, finite[0], scale)
    if np.bincount(cells, minlength=CELLS).max() > NEAR:
        return nothing
    return finite[0], scale, np.searchsorted(cells, np.arange(CELLS)).astype(np.uint8)
