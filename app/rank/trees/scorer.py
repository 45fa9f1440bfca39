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

from app.domain.arrays import F32, F64, I32, U8
from app.rank.trees.bins import NAN_HIGH, NEAR, TURNED, Bins
from app.rank.trees.lanes import ALIGNED, LANES, count_below, count_heads, exit_leaves
from app.rank.trees.tables import Tables

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
    tile = _aligned(tables.columns * LANES)
    found, sums = np.zeros((TOGETHER, LANES), np.uint8), np.empty(LANES, np.float64)
    for start in range(0, n, LANES):
        rows = min(LANES, n - start)
        _fill(tables.bins, features[start : start + rows], tile)
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
def _aligned(size: int) -> U8:
    """Return zeros that begin at a multiple of ALIGNED bytes."""
    raw = np.zeros(size + ALIGNED, np.uint8)
    begin = -np.int64(raw.ctypes.data) % ALIGNED
    return raw[begin : begin + size]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(bins: Bins, features: F32, tile: U8) -> None:
    """Write the bins of up to LANES rows into each column that splits want of them."""
    values, groups = np.zeros(LANES, np.float32), np.empty(LANES, np.int32)
    out = np.empty(LANES, np.uint8)
    for place in range(bins.features.size):
        feature = bins.features[place]
        for i in range(features.shape[0]):
            values[i] = features[i, feature]
        if bins.nan_as_zero[place]:
            for i in range(LANES):
                values[i] = np.float32(0.0) if np.isnan(values[i]) else values[i]
        start, end = bins.head_bounds[place], bins.head_bounds[place + 1]
        count_heads(bins.heads, start, end, values, groups)
        _within(bins.groups, bins.starts[place], values, groups, out)
        columns = bins.columns[place]
        _write(columns[0], columns[TURNED], out, tile)
        if columns[NAN_HIGH] >= 0 or columns[NAN_HIGH + TURNED] >= 0:
            for i in range(LANES):
                out[i] = 255 if np.isnan(values[i]) else out[i]
            _write(columns[NAN_HIGH], columns[NAN_HIGH + TURNED], out, tile)


@njit(cache=True, nogil=True, error_model="numpy")
def _within(thresholds: F32, start: int, values: F32, groups: I32, out: U8) -> None:
    """Add to the groups below a value what is below it in its own."""
    if start < 0:
        for i in range(LANES):
            out[i] = groups[i]
        return
    for i in range(LANES):
        below = np.int64(groups[i]) * NEAR
        out[i] = below + count_below(thresholds, start + below, values[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _write(plain: int, turned: int, bins: U8, tile: U8) -> None:
    """Bytes are compared as signed ones: the highest bit is turned."""
    if plain >= 0:
        for i in range(LANES):
            tile[plain * LANES + i] = bins[i] ^ np.uint8(128)
    if turned >= 0:
        for i in range(LANES):
            tile[turned * LANES + i] = bins[i] ^ np.uint8(127)  # 255 − bin, its highest bit turned
