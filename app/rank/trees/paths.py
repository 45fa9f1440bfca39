"""The exact difference of two scores, feature by feature: what each changed value is worth.

Let B's values turn into A's one after another, in every order, and average what each step adds to
the score. That is the Shapley value of the game whose players are the features, with B as the
baseline: it sums to score(A) − score(B), and a feature in which both are alike gets exactly 0.

A tree need not be asked 2^d times. A leaf is reached by those mixtures of A and B that agree with
every split on its path: p of its features must be A's, q must be B's, the others do not matter. A
leaf of value v gives v / (p · C(p+q, p)) to each of the p and takes v / (q · C(p+q, q)) from each
of the q. (Lundberg et al.: "From local explanations to global understanding with explainable AI for
trees", Nature Machine Intelligence 2020, interventional TreeSHAP with one reference.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I8, I32, Bools
from app.rank.trees.bins import ZERO
from app.rank.trees.text import MAX_LEAVES, Tree

EITHER, FROM_A, FROM_B = 0, 1, 2
"""Whose value of a feature leads on along a path."""


_Path: TypeAlias = tuple[tuple[int, bool], ...]


class Paths(NamedTuple):
    """Every leaf of an ensemble with the splits above it. l leaves, s splits over all paths."""

    bounds: I32  # (l + 1,) leaf i has splits bounds[i]:bounds[i + 1]
    values: F64  # (l,)
    features: I32  # (s,)
    thresholds: F64  # (s,) a value goes left where it is not above
    default_left: Bools  # (s,)
    nan_is_missing: Bools  # (s,) False: NaN is read as 0
    is_left: Bools  # (s,) the side on which the leaf lies


def paths_of(trees: Sequence[Tree]) -> Paths:
    """List the leaves of all trees, each with its path."""
    bounds, values = [0], list[float]()
    steps: list[tuple[int, float, bool, bool, bool]] = []
    for tree in trees:
        for leaf, path in _walk(tree):
            values.append(float(tree.leaves[leaf]))
            steps += [_step(tree, node, is_left) for node, is_left in path]
            bounds.append(len(steps))
    features, thresholds, default_left, missing, left = zip(*steps, strict=True) if steps else _NO
    return Paths(
        np.array(bounds, np.int32), np.array(values, np.float64), np.array(features, np.int32),
        np.array(thresholds, np.float64), np.array(default_left, np.bool_),
        np.array(missing, np.bool_), np.array(left, np.bool_),
    )  # fmt: skip


_NO: tuple[tuple[()], ...] = ((), (), (), (), ())


def differences(paths: Paths, features: F32, other: F32) -> F64:
    """Split score(row) − score(other) by feature, for each row. (n, d), (d,) → (n, d)"""
    out = np.zeros(features.shape, np.float64)
    for row, into in zip(np.ascontiguousarray(features, np.float32), out, strict=True):
        _difference(paths, row, np.ascontiguousarray(other, np.float32), _WEIGHTS, into)
    return out


def warm() -> None:
    """Have the machine code ready: on a fresh machine the first difference would take seconds."""
    differences(paths_of([]), np.zeros((1, 1), np.float32), np.zeros(1, np.float32))


def _walk(tree: Tree) -> Iterator[tuple[int, _Path]]:
    """Yield each leaf with the splits above it and the side on which it lies."""
    waiting: list[tuple[int, _Path]] = [(0 if tree.features.size else -1, ())]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            yield ~node, path
            continue
        waiting.append((int(tree.right[node]), (*path, (node, False))))
        waiting.append((int(tree.left[node]), (*path, (node, True))))


def _step(tree: Tree, node: int, is_left: bool) -> tuple[int, float, bool, bool, bool]:
    return (
        int(tree.features[node]), float(tree.thresholds[node]), bool(tree.default_left[node]),
        bool(tree.nan_is_missing[node]), is_left,
    )  # fmt: skip


def _weights() -> F64:
    """Return 1 / (p · C(p + q, p)) for p players of one side and q of the other."""
    table = np.zeros((MAX_LEAVES, MAX_LEAVES))
    for p in range(1, MAX_LEAVES):
        for q in range(MAX_LEAVES):
            table[p, q] = 1 / (p * comb(p + q, p))
    return table


_WEIGHTS = _weights()


@njit(cache=True, nogil=True, error_model="numpy")
def goes_left(
    value: np.float32, threshold: float, default_left: bool, nan_is_missing: bool
) -> bool:
    """LightGBM's decision (tree.h, NumericalDecision)."""
    if np.isnan(value):
        return default_left if nan_is_missing else threshold >= 0.0
    if abs(np.float64(value)) <= ZERO:
        return threshold >= 0.0
    return bool(np.float64(value) <= threshold)


@njit(cache=True, nogil=True, error_model="numpy")
def _goes_left(paths: Paths, step: int, value: np.float32) -> bool:
    return bool(
        goes_left(
            value, paths.thresholds[step], paths.default_left[step], paths.nan_is_missing[step]
        )
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _difference(paths: Paths, a: F32, b: F32, weights: F64, out: F64) -> None:
    """Add what each leaf gives to and takes from the features. out (d,)"""
    wanted = np.zeros(a.size, np.int8)
    for leaf in range(paths.values.size):
        first, end, value = paths.bounds[leaf], paths.bounds[leaf + 1], paths.values[leaf]
        p, q = _want(paths, first, end, a, b, wanted)
        for step in range(first, end):
            feature = paths.features[step]
            if p >= 0 and wanted[feature] == FROM_A:
                out[feature] += value * weights[p, q]
            elif p >= 0 and wanted[feature] == FROM_B:
                out[feature] -= value * weights[q, p]
            wanted[feature] = EITHER  # a feature may be on the path twice and is paid once


@njit(cache=True, nogil=True, error_model="numpy")
def _want(paths: Paths, first: int, end: int, a: F32, b: F32, wanted: I8) -> tuple[int, int]:
    """Mark whose value each feature of a path must have, and count them; -1 where none will do."""
    p = q = 0
    for step in range(first, end):
        feature, is_left = paths.features[step], paths.is_left[step]
        by_a = _goes_left(paths, step, a[feature]) == is_left
        by_b = _goes_left(paths, step, b[feature]) == is_left
        if by_a and by_b:
            continue
        mark = FROM_A if by_a else FROM_B
        if not (by_a or by_b) or wanted[feature] not in (EITHER, mark):
            return -1, -1
        if wanted[feature] == EITHER:
            wanted[feature] = mark
            p, q = p + by_a, q + by_b
    return p, q
