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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.domain.arrays import F64, I32, Bools
from app.rank.trees.bins import NAN_HIGH, TURNED, Bins, bins_of, thresholds_of
from app.rank.trees.lanes import LANES
from app.rank.trees.text import NotExpressible, Tree

_IN_EACH_BYTE = 0x01010101


class Tables(NamedTuple):
    """An ensemble as the kernel reads it. t trees, P bytes of leaves."""

    bins: Bins
    columns: int
    operations: I32  # (o, 3) where the column begins, threshold × 4, bits that stay × 4
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
    by_feature = thresholds_of(features, trees)
    places = [{t: at for at, t in enumerate(known.tolist())} for known in by_feature]
    operations, bounds = list[tuple[int, int, int]](), [0]
    for splits, _ in numbered:
        for plane in range(planes):
            operations += list(_clearing(splits, plane, columns, places))
            bounds.append(len(operations))
    leaves = np.zeros((len(trees), 8 * planes))
    for i, (_, values) in enumerate(numbered):
        leaves[i, : values.size] = values
    return Tables(
        bins_of(by_feature, nan_as_zero, columns), len(columns),
        np.array(operations, np.int64).reshape(-1, 3).astype(np.uint32).view(np.int32),
        np.array(bounds, np.int32), planes, leaves,
    )  # fmt: skip


def _nan_as_zero(features: int, trees: Sequence[Tree]) -> Bools:
    """Tell the features whose NaN is read as 0; a feature is of one kind in all trees."""
    missing = [set[bool]() for _ in range(features)]
    for tree in trees:
        kinds = zip(tree.features.tolist(), tree.nan_is_missing.tolist(), strict=True)
        for feature, is_missing in kinds:
            missing[feature].add(is_missing)
    if any(len(both) > 1 for both in missing):
        raise NotExpressible("a feature whose NaN is missing in one tree and 0 in another")
    return np.array([found == {False} for found in missing])


def _number(tree: Tree, nan_as_zero: Bools) -> tuple[list[_Split], F64]:
    """Walk the tree, the smaller child first; return its splits and its leaves in that order."""
    sizes = _sizes(tree)
    splits: list[_Split] = []
    leaves: list[float] = []
    lefts, rights, values = tree.left.tolist(), tree.right.tolist(), tree.leaves.tolist()
    features, thresholds = tree.features.tolist(), tree.thresholds.tolist()
    is_low = (tree.default_left | nan_as_zero[tree.features]).tolist()

    def walk(node: int) -> None:
        if node < 0:
            leaves.append(values[~node])
            return
        left, right = lefts[node], rights[node]
        turned = sizes[right] < sizes[left]
        first, second = (right, left) if turned else (left, right)
        start = len(leaves)
        walk(first)
        kind = NAN_HIGH * (not is_low[node]) + TURNED * turned
        splits.append(_Split(features[node], thresholds[node], kind, start, len(leaves)))
        walk(second)

    walk(0 if tree.features.size else -1)
    return splits, np.array(leaves)


def _sizes(tree: Tree) -> dict[int, int]:
    """Leaves under each node, and 1 for a leaf."""
    sizes = {~leaf: 1 for leaf in range(tree.leaves.size)}
    lefts, rights = tree.left.tolist(), tree.right.tolist()

    def count(node: int) -> int:
        if node not in sizes:
            sizes[node] = count(lefts[node]) + count(rights[node])
        return sizes[node]

    count(0 if tree.features.size else -1)
    return sizes


def _clearing(
    splits: Sequence[_Split],
    plane: int,
    columns: dict[tuple[int, int], int],
    places: Sequence[Mapping[float, int]],
) -> Iterator[tuple[int, int, int]]:
    """Yield the operations of one byte of a tree's leaves. Bytes fill words, as they are loaded."""
    for split in splits:
        low, high = max(split.first, 8 * plane), min(split.end, 8 * plane + 8)
        if low < high:
            clear = ((1 << (high - low)) - 1) << (low - 8 * plane)
            at = places[split.feature][split.threshold]
            above = 254 - at if split.kind & TURNED else at  # 255 − bin > 254 − at ⇔ bin <= at
            signed = above ^ 128  # bytes are compared as signed ones, which processors can
            column = columns[split.feature, split.kind]
            yield column * LANES, signed * _IN_EACH_BYTE, (clear ^ 255) * _IN_EACH_BYTE
