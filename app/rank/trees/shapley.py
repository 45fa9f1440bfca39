"""TreeSHAP without its recursion: what each feature adds to a score, each tree walked twice.

A tree's value where only some features are known is the mean of the leaves that these leave
possible, weighed by how many training rows went which way. A leaf's share of it is a product over
the features on its path: o where the feature is known (1 if the row goes towards the leaf, else 0),
z where it is not (the share of training rows that does). Were each known with probability t:

    v · Π (z + (o − z) t)          a polynomial in t, one factor a feature

The Shapley value of a feature is the integral over t in [0, 1] of the same without its factor,
times o − z. By Gauss and Legendre's points the sum is exact, not close: Q of them for every degree
up to 2 Q − 1, and a path has no more factors than it has features.

So each edge of a tree has Q numbers: down the tree their products, up again the sums over the
leaves below. Where a feature is split on again, its factor further up is taken out of the product.

The values are those of Lundberg et al., arXiv:1802.03888, as LightGBM's `pred_contrib` gives them.
That they are integrals of polynomials is after Yu et al., "Linear TreeShap", NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I32, U8, U32, Bools
from app.rank.trees.paths import goes_left
from app.rank.trees.text import NotExpressible, Tree

LANES = 8
"""Points at a time: a vector or two."""

ON, OFF, OFF_ABOVE = 0, 1, 2
"""The row goes by this edge and by all above of the same feature; not by this; not by one above."""


class Edges(NamedTuple):
    """Every edge of an ensemble, each tree's parents first. e edges, t trees."""

    bounds: I32  # (t + 1,) tree i has edges bounds[i]:bounds[i + 1]
    above: U32  # (e,) the edge above, counted from 1 within the tree, 0 at the root
    same: U32  # (e,) the next edge above of the same feature, likewise, 0 without
    features: I32  # (e,)
    thresholds: F64  # (e,)
    default_left: Bools  # (e,)
    nan_is_missing: Bools  # (e,)
    is_left: Bools  # (e,)
    shares: F64  # (e,) of training rows that pass every split of the feature down to here: z
    values: F64  # (e,) of the leaf that it leads to, 0 where it leads to a split
    points: F64  # (Q,) Gauss and Legendre's, in [0, 1], then some of no weight to fill the lanes
    weights: F64  # (Q,)
    base: float  # the score of a document of which nothing is known


def edges_of(trees: Sequence[Tree]) -> Edges:
    """List the edges of all trees. Raises NotExpressible where a tree does not count its rows."""
    found = [list(_edges(tree)) for tree in trees]
    edges = [edge for of_tree in found for edge in of_tree]
    longest = max((_longest(of_tree) for of_tree in found), default=1)
    points, weights = np.polynomial.legendre.leggauss(max(1, (longest + 1) // 2))
    padding = -points.size % LANES
    return Edges(
        np.cumsum([0, *map(len, found)]).astype(np.int32),
        np.array([e.above for e in edges], np.uint32),
        np.array([e.same for e in edges], np.uint32),
        np.array([e.feature for e in edges], np.int32),
        np.array([e.threshold for e in edges], np.float64),
        np.array([e.default_left for e in edges], np.bool_),
        np.array([e.nan_is_missing for e in edges], np.bool_),
        np.array([e.is_left for e in edges], np.bool_),
        np.array([e.share for e in edges], np.float64),
        np.array([e.value for e in edges], np.float64),
        np.append((points + 1) / 2, np.full(padding, 0.5)),
        np.append(weights / 2, np.zeros(padding)),
        float(sum(_mean(tree) for tree in trees)),
    )


def contributions(edges: Edges, features: F32) -> F64:
    """Say what each feature adds to each row's score. (n, d) → (n, d), summing to score − base"""
    out = np.zeros(features.shape, np.float64)
    if len(features):
        _contributions(edges, np.ascontiguousarray(features, np.float32), out)
    return out


def warm() -> None:
    """Have the machine code ready: on a fresh machine the first explanation would take seconds."""
    contributions(edges_of([]), np.zeros((1, 1), np.float32))


class _Edge(NamedTuple):
    """A row of Edges."""

    above: int
    same: int
    feature: int
    threshold: float
    default_left: bool
    nan_is_missing: bool
    is_left: bool
    share: float
    value: float


def _edges(tree: Tree) -> Iterator[_Edge]:
    """Yield each edge, parents first."""
    _refuse_uncounted(tree)
    nothing: dict[int, tuple[int, float]] = {}  # feature → its last edge on the path, and share
    waiting = [(0, 0, nothing, float(tree.counts[0]))] if tree.features.size else []
    number = 1
    while waiting:
        node, above, known, count = waiting.pop()
        feature = int(tree.features[node])
        same, so_far = known.get(feature, (0, 1.0))
        for is_left, child in ((True, int(tree.left[node])), (False, int(tree.right[node]))):
            own = float(tree.leaf_counts[~child] if child < 0 else tree.counts[child])
            share, value = so_far * own / count, float(tree.leaves[~child]) if child < 0 else 0.0
            yield _Edge(
                above, same, feature, float(tree.thresholds[node]), bool(tree.default_left[node]),
                bool(tree.nan_is_missing[node]), is_left, share, value,
            )  # fmt: skip
            if child >= 0:
                waiting.append((child, number, {**known, feature: (number, share)}, own))
            number += 1


def _refuse_uncounted(tree: Tree) -> None:
    if tree.counts.size != tree.features.size or tree.leaf_counts.size != tree.leaves.size:
        raise NotExpressible("trees that do not count their rows")
    if tree.features.size and min(tree.counts.min(), tree.leaf_counts.min()) <= 0:
        raise NotExpressible("splits that no training row went through")


def _longest(edges: Sequence[_Edge]) -> int:
    """Return the most different features on one path."""
    depths = [0]
    for edge in edges:
        depths.append(depths[edge.above] + (edge.same == 0))
    return max(depths)


def _mean(tree: Tree) -> float:
    """The tree's mean over its training rows."""
    if not tree.features.size:
        return float(tree.leaves[0])
    return float(np.dot(tree.leaves, tree.leaf_counts) / tree.leaf_counts.sum())


@njit(cache=True, nogil=True, error_model="numpy")
def _contributions(edges: Edges, rows: F32, out: F64) -> None:
    """Tree after tree, so that a tree's tables are made once for all rows.

    Slot 0 stands for what is above the root, and above a feature's first split: a factor of 1.
    """
    most = 1
    for tree in range(edges.bounds.size - 1):
        most = max(most, 1 + edges.bounds[tree + 1] - edges.bounds[tree])
    ratios, gains = np.ones((3, most, LANES)), np.zeros((3, most, LANES))
    states = np.full((rows.shape[0], most), ON, np.uint8)
    products, sums = np.ones((most, LANES)), np.empty((most, LANES))
    for tree in range(edges.bounds.size - 1):
        first, slots = edges.bounds[tree], 1 + edges.bounds[tree + 1] - edges.bounds[tree]
        for row in range(rows.shape[0]):
            _follow(edges, first, slots, rows[row], states[row])
        for start in range(0, edges.points.size, LANES):
            _tables(edges, first, slots, start, ratios, gains)
            for row in range(rows.shape[0]):
                _go_down(edges, first, slots, states[row], ratios, products, sums)
                _come_up(edges, first, slots, states[row], gains, sums, out[row])


@njit(cache=True, nogil=True, error_model="numpy")
def _follow(edges: Edges, first: int, slots: int, row: F32, states: U8) -> None:
    """Tell for each edge whether the row goes there by this feature."""
    for slot in range(1, slots):
        e = first + slot - 1
        is_left = goes_left(
            row[edges.features[e]], edges.thresholds[e], edges.default_left[e],
            edges.nan_is_missing[e],
        )  # fmt: skip
        if states[edges.same[e]] != ON:
            states[slot] = OFF_ABOVE
        else:
            states[slot] = ON if is_left == edges.is_left[e] else OFF


@njit(cache=True, nogil=True, error_model="numpy")
def _tables(edges: Edges, first: int, slots: int, start: int, ratios: F64, gains: F64) -> None:
    """Lay out, for each state of an edge, the factor that it brings and what its feature gains.

    Less those of the same feature further up, which it replaces.
    """
    for slot in range(1, slots):
        e = first + slot - 1
        z, same = edges.shares[e], edges.same[e]
        z_above = edges.shares[first + np.int64(same) - 1] if same else 1.0
        for k in range(LANES):
            t, weight = edges.points[start + k], edges.weights[start + k]
            on, off = z + (1 - z) * t, z * (1 - t)
            on_above, off_above = z_above + (1 - z_above) * t, z_above * (1 - t)
            ratios[ON, slot, k] = on / on_above
            ratios[OFF, slot, k] = off / on_above
            ratios[OFF_ABOVE, slot, k] = off / off_above
            gain_above = (1 - z_above) / on_above
            gains[ON, slot, k] = weight * ((1 - z) / on - gain_above)
            gains[OFF, slot, k] = weight * (-z / off - gain_above)
            gains[OFF_ABOVE, slot, k] = 0.0  # its factor is known to be off: nothing is added


@njit(cache=True, nogil=True, error_model="numpy")
def _go_down(
    edges: Edges, first: int, slots: int, states: U8, ratios: F64, products: F64, sums: F64
) -> None:
    """Multiply the factors of each edge's path; where it ends, by the leaf's value."""
    sums[0, :] = 0.0
    for slot in range(1, slots):
        own, of = products[edges.above[first + slot - 1]], ratios[states[slot], slot]
        a, b, c, d = own[0] * of[0], own[1] * of[1], own[2] * of[2], own[3] * of[3]
        e, f, g, h = own[4] * of[4], own[5] * of[5], own[6] * of[6], own[7] * of[7]
        into, end, value = products[slot], sums[slot], edges.values[first + slot - 1]
        into[0], into[1], into[2], into[3] = a, b, c, d
        into[4], into[5], into[6], into[7] = e, f, g, h
        end[0], end[1], end[2], end[3] = value * a, value * b, value * c, value * d
        end[4], end[5], end[6], end[7] = value * e, value * f, value * g, value * h


@njit(cache=True, nogil=True, error_model="numpy")
def _come_up(
    edges: Edges, first: int, slots: int, states: U8, gains: F64, sums: F64, out: F64
) -> None:
    """Sum the leaves below each edge, and give its feature what it gains by being known."""
    for slot in range(slots - 1, 0, -1):
        own, into = sums[slot], sums[edges.above[first + slot - 1]]
        by = gains[states[slot], slot]
        a, b, c, d = own[0], own[1], own[2], own[3]
        e, f, g, h = own[4], own[5], own[6], own[7]
        gained = ((a * by[0] + b * by[1]) + (c * by[2] + d * by[3])) + (
            (e * by[4] + f * by[5]) + (g * by[6] + h * by[7])
        )
        into[0] += a
        into[1] += b
        into[2] += c
        into[3] += d
        into[4] += e
        into[5] += f
        into[6] += g
        into[7] += h
        out[edges.features[first + slot - 1]] += gained
