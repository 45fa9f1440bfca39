"""Rows made up so that every leaf of an ensemble is reached: what no row reaches, no check notices.

Rows of real requests reach the common leaves. For each that is left, a row is bent until it gets
there: its path is a list of conditions on features, and a value is found for each. Values lie on a
split or just beside it, so that a threshold which moved is noticed as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from app.domain.arrays import F32, I64, Bools
from app.rank.trees.bins import ZERO
from app.rank.trees.text import Tree

Path = list[tuple[int, bool]]
"""Splits from the root, and whether the leaf lies to the left of each."""

TOGETHER = 16
"""Trees bent for before it is looked what else was reached: more repeat rows, fewer take time."""

JUST_BESIDE_ZERO = np.array([0.0, 2 * ZERO, -2 * ZERO], np.float32)


def reached(trees: Sequence[Tree], rows: F32) -> list[Bools]:
    """Tell of each tree which leaves the rows come to. (n, d) → t times (leaves,)"""
    found = []
    for tree in trees:
        marks = np.zeros(tree.leaves.size, bool)
        marks[_leaves_of(tree, rows)] = True
        found.append(marks)
    return found


def count(marks: Sequence[Bools]) -> tuple[int, int]:
    """Return how many leaves are reached, of how many."""
    return sum(int(m.sum()) for m in marks), sum(m.size for m in marks)


def rows_for_the_rest(trees: Sequence[Tree], rows: F32, most: int) -> F32:
    """Return (k, d) rows, at most `most`, which reach what `rows` (n, d) do not.

    A leaf whose path contradicts itself is left out: nothing ever comes there.
    """
    marks, made = reached(trees, rows), np.empty((0, rows.shape[1]), np.float32)
    for start in range(0, len(trees), TOGETHER):
        some = range(start, min(start + TOGETHER, len(trees)))
        fresh = [row for i in some for row in _bent(rows, trees[i], marks[i], len(made))]
        if fresh and len(made) < most:
            block = np.stack(fresh)[: most - len(made)]
            made = np.concatenate([made, block])
            marks = [a | b for a, b in zip(marks, reached(trees, block), strict=True)]
    return made


def _bent(rows: F32, tree: Tree, marks: Bools, number: int) -> Iterator[F32]:
    """Yield a row for each leaf of a tree that is not reached yet."""
    for leaf, path in _paths(tree):
        if not marks[leaf]:
            bent = _bend(rows[(number + leaf) % len(rows)], tree, path, number + leaf)
            if bent is not None:
                yield bent


def _paths(tree: Tree) -> Iterator[tuple[int, Path]]:
    open_: list[tuple[int, Path]] = [(0 if tree.features.size else -1, [])]
    while open_:
        node, path = open_.pop()
        if node < 0:
            yield ~node, path
            continue
        open_.append((int(tree.right[node]), [*path, (node, False)]))
        open_.append((int(tree.left[node]), [*path, (node, True)]))


def _bend(row: F32, tree: Tree, path: Path, number: int) -> F32 | None:
    """Return the row with values that lead along the path, None where there are none."""
    by_feature: dict[int, Path] = {}
    for node, goes_left in path:
        by_feature.setdefault(int(tree.features[node]), []).append((node, goes_left))
    bent = row.copy()
    for feature, conditions in by_feature.items():
        values = _values(row[feature], tree, conditions)
        fits = values[_fit(values, tree, conditions)]
        if not fits.size:
            return None
        bent[feature] = fits[number % fits.size]
    return bent


def _values(own: np.float32, tree: Tree, conditions: Path) -> F32:
    """Values worth trying: on each split, beside it, between two, around zero, missing, its own."""
    splits = np.sort(tree.thresholds[[node for node, _ in conditions]])
    with np.errstate(over="ignore", invalid="ignore"):
        on = splits.astype(np.float32)
        beside = [np.nextafter(on, np.float32(side) * np.inf, dtype=np.float32) for side in (-1, 1)]
        between = ((splits[1:] + splits[:-1]) / 2).astype(np.float32)
    last = np.array([np.nan, own], np.float32)
    return np.concatenate([on, *beside, between, JUST_BESIDE_ZERO, last]).astype(np.float32)


def _fit(values: F32, tree: Tree, conditions: Path) -> Bools:
    fits = np.ones(values.size, bool)
    for node, goes_left in conditions:
        fits &= _goes_left(tree, np.full(values.size, node), values) == goes_left
    # A missing value is the last resort: it says nothing of where the split lies.
    plain = fits & ~np.isnan(values)
    return plain if plain.any() else fits


def _leaves_of(tree: Tree, rows: F32) -> I64:
    """Walk all rows down a tree at once. (n,)"""
    nodes = np.full(len(rows), 0 if tree.features.size else -1, np.int64)
    while (walking := np.flatnonzero(nodes >= 0)).size:
        at = nodes[walking]
        left = _goes_left(tree, at, rows[walking, tree.features[at]])
        nodes[walking] = np.where(left, tree.left[at], tree.right[at])
    return ~nodes


def _goes_left(tree: Tree, nodes: I64, values: F32) -> Bools:
    """As LightGBM decides (tree.h, NumericalDecision)."""
    wide = values.astype(np.float64)
    is_nan = np.isnan(wide)
    wide[is_nan | (np.abs(wide) <= ZERO)] = 0.0
    plain = wide <= tree.thresholds[nodes]
    missing: Bools = is_nan & tree.nan_is_missing[nodes]
    return np.where(missing, tree.default_left[nodes], plain)
