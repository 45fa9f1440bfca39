"""QuickScorer: a tree ensemble scored by comparing bytes, LANES rows at a time.

A traversal goes from node to node and waits for memory at each. Here no row walks: every split of
the ensemble is compared with all rows at once, and only says which leaves it rules out.

    value ──bins──▶ byte: how many of the feature's thresholds are below it     tile (columns, 128)
                          ┌───────────────────── one tree, 31 leaves in 4 bytes ──────────────────┐
    leaves still possible │ byte 3  11111111 │ byte 2  11111111 │ byte 1  … │ byte 0  11111111    │
    bin(price) > 17 clears│                  │                  │           │         00000111    │
    bin(bm25)  > 3  clears│                  │         11110000 │           │                     │
                          └──────────────── lowest bit that is left: the row's leaf ──────────────┘
    score += leaf value, in float64, tree after tree, as LightGBM adds

Exact: `tables` says how thresholds are moved so that a float32 is told as LightGBM tells it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, U8
from app.rank.trees.lanes import LANES, count_below, exit_leaves
from app.rank.trees.tables import CELLS, NAN_HIGH, NEAR, TURNED, Bins, Tables

TOGETHER = 8
"""Trees whose leaves are found before they are added, so that sums are read and written less."""


def score(tables: Tables, features: F32) -> F64:
    """Return LightGBM's raw scores. (n, f) float32 in C order to (n,) float64"""
    scores: F64 = _score(tables, features)
    return scores


@njit(cache=True, nogil=True, error_model="numpy")
def _score(tables: Tables, features: F32) -> F64:
    n, trees, planes = features.shape[0], tables.leaves.shape[0], tables.planes
    out = np.empty(n, np.float64)
    tile = np.zeros((max(tables.columns, 1), LANES), np.uint8)
    found, sums = np.zeros((TOGETHER, LANES), np.uint8), np.empty(LANES, np.float64)
    values, bins = np.zeros(LANES, np.float32), np.zeros(LANES, np.uint8)
    for start in range(0, n, LANES):
        rows = min(LANES, n - start)
        for feature in range(tables.bins.counts.size):
            if tables.bins.counts[feature]:
                for i in range(rows):
                    values[i] = features[start + i, feature]
                _fill(tables.bins, feature, values, bins, tile)
        sums[:] = 0.0
        for first in range(0, trees, TOGETHER):
            together = min(TOGETHER, trees - first)
            for t in range(together):
                exit_leaves(
                    tile, tables.operations, tables.bounds, np.int64((first + t) * planes),
                    np.int64(planes), found, np.int64(t * LANES),
                )  # fmt: skip
            _add(tables.leaves, first, together, found, sums)
        for i in range(rows):
            out[start + i] = sums[i]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _add(leaves: F64, first: int, together: int, found: U8, sums: F64) -> None:
    """Add the leaves' values, tree after tree: another order would give other bits."""
    if together == TOGETHER:
        a, b, c, d = leaves[first], leaves[first + 1], leaves[first + 2], leaves[first + 3]
        e, f, g, h = leaves[first + 4], leaves[first + 5], leaves[first + 6], leaves[first + 7]
        for i in range(LANES):
            total = sums[i] + a[found[0, i]]
            total = total + b[found[1, i]]
            total = total + c[found[2, i]]
            total = total + d[found[3, i]]
            total = total + e[found[4, i]]
            total = total + f[found[5, i]]
            total = total + g[found[6, i]]
            sums[i] = total + h[found[7, i]]
        return
    for t in range(together):
        for i in range(LANES):
            sums[i] += leaves[first + t, found[t, i]]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(bins: Bins, feature: int, values: F32, out: U8, tile: U8) -> None:
    """Write a feature's bins into each column that splits want of it."""
    if bins.nan_as_zero[feature]:
        for i in range(LANES):
            values[i] = np.float32(0.0) if np.isnan(values[i]) else values[i]
    if bins.counts[feature] <= NEAR:
        for i in range(LANES):
            out[i] = count_below(bins.thresholds, bins.starts[feature], values[i])
    elif bins.scales[feature] > 0:
        _by_cells(bins, feature, values, out)
    else:
        _by_halves(bins, feature, values, out)
    columns = bins.columns[feature]
    _write(columns[0], columns[TURNED], out, tile)
    if columns[NAN_HIGH] >= 0 or columns[NAN_HIGH + TURNED] >= 0:
        for i in range(LANES):
            out[i] = 255 if np.isnan(values[i]) else out[i]
        _write(columns[NAN_HIGH], columns[NAN_HIGH + TURNED], out, tile)


@njit(cache=True, nogil=True, error_model="numpy")
def _write(plain: int, turned: int, bins: U8, tile: U8) -> None:
    """Bytes are compared as signed ones: the highest bit is turned."""
    if plain >= 0:
        for i in range(LANES):
            tile[plain, i] = bins[i] ^ np.uint8(128)
    if turned >= 0:
        for i in range(LANES):
            tile[turned, i] = bins[i] ^ np.uint8(127)  # 255 − bin, its highest bit turned


@njit(cache=True, nogil=True, error_model="numpy")
def _by_cells(bins: Bins, feature: int, values: F32, out: U8) -> None:
    low, scale = bins.lows[feature], bins.scales[feature]
    start, last = bins.starts[feature], np.float32(CELLS - 1)
    places = np.empty(LANES, np.int32)
    for i in range(LANES):
        place = (values[i] - low) * scale
        place = place if place > np.float32(0) else np.float32(0)
        places[i] = np.int32(place if place < last else last)
    cells = bins.cells[feature]
    for i in range(LANES):
        before = np.int64(cells[places[i]])
        out[i] = before + count_below(bins.thresholds, start + before, values[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _by_halves(bins: Bins, feature: int, values: F32, out: U8) -> None:
    """Skip whole groups of NEAR while their last threshold is below the value, then count."""
    start, groups = bins.starts[feature], (bins.counts[feature] + NEAR - 1) // NEAR
    for i in range(LANES):
        low, high = np.int64(0), groups - 1
        while low < high:
            middle = (low + high) // 2
            if bins.thresholds[start + middle * NEAR + NEAR - 1] < values[i]:
                low = middle + 1
            else:
                high = middle
        out[i] = low * NEAR + count_below(bins.thresholds, start + low * NEAR, values[i])
