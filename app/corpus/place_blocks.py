"""Where rows stand: points of the unit sphere in blocks, so that a search for what is near looks at
little of what is far.

Morton's order (1966) of three coordinates keeps neighbours together and knows no antimeridian and
no poles. BLOCK places in this order are a block, GROUP blocks a group, and of each the box around
it is known. Chords tell nearly all; what is close to a border is told by `haversine_km`.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit

from app.corpus.geometry import chord_of_km, km_between, unit_vectors
from app.corpus.quickselect import put_largest_first
from app.domain.arrays import F64, I32, U64, Bools, Rows

BLOCK = 32
GROUP = 64
GRID = (1 << 20) - 1  # steps of each coordinate: 12 m
NO_PLACES = np.empty(0, np.float64)


class PlaceBlocks(NamedTuple):
    """Places of n rows. A tuple, for kernels take those."""

    rows: Rows  # (p,) those that have a place, along the curve
    degrees: F64  # (p, 2) latitude and longitude
    points: F64  # (p, 3) on the unit sphere
    at: I32  # (n,) where each row stands among them, -1 without a place
    boxes: F64  # (blocks, 2, 3) least and largest coordinates
    groups: F64  # (groups, 2, 3)

    @classmethod
    def of(cls, lats: F64, lons: F64) -> PlaceBlocks:
        """Order places in degrees, one a row; NaN where a row has none. 0.4 s a million."""
        rows = np.flatnonzero(np.isfinite(lats) & np.isfinite(lons)).astype(np.int32)
        points = unit_vectors(lats[rows], lons[rows])
        order = np.argsort(_codes(points), kind="stable")
        rows, points = rows[order], np.ascontiguousarray(points[order])
        degrees = np.stack([lats[rows], lons[rows]], axis=1)
        at = np.full(lats.size, -1, np.int32)
        at[rows] = np.arange(rows.size, dtype=np.int32)
        points.flags.writeable = False  # as those of newer rows are: kernels compile once a type
        boxes, groups = _around(points, BLOCK), _around(points, BLOCK * GROUP)
        return cls(rows, degrees, points, at, boxes, groups)


class Places:
    """The blocks of a snapshot's own rows, made when something first asks for them."""

    def __init__(self, lats: F64 = NO_PLACES, lons: F64 = NO_PLACES) -> None:
        self._lats, self._lons = lats, lons

    @cached_property
    def blocks(self) -> PlaceBlocks:
        return PlaceBlocks.of(self._lats, self._lons)

    def within_km(self, lat: float, lon: float, radius_km: float, lats: F64, lons: F64) -> Bools:
        """Tell of the rows of these columns which have `haversine_km` ≤ `radius_km`. (n,)

        Of rows behind the snapshot's own, which the columns may go on with, nothing is told.
        """
        allowed = np.zeros(lats.size, np.bool_)
        chord = chord_of_km(radius_km)
        inside, outside = max(chord * (1 - 1e-6) - 1e-12, 0.0), no_nearer_than(chord)
        limits = (inside * inside, outside * outside, radius_km)
        _mark(self.blocks, lat, lon, unit_vector(lat, lon), limits, lats, lons, allowed)
        return allowed


NOWHERE = Places()


def unit_vector(lat: float, lon: float) -> tuple[float, float, float]:
    """Return `unit_vectors` of one point without NumPy's price for it."""
    north, east = math.radians(lat), math.radians(lon)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


@njit(cache=True, nogil=True)
def no_nearer_than(chord: float) -> float:
    """Return a chord beyond which no point's float32 distance is as small as at `chord`.

    float32 rounds distances by 6e-8 of themselves, float64 rounds chords by about 1e-15.
    """
    return chord * (1 + 1e-6) + 1e-12


@njit(cache=True, nogil=True)
def nearest(
    blocks: PlaceBlocks,
    here: tuple[float, float, float],
    k: int,
    reach: float,
    allowed: Bools,
    budget: int,
) -> tuple[I32, bool]:
    """Return places in the blocks among which the k nearest within the chord `reach` are.

    `allowed` (n or more,) leaves rows out, (0,) none. False with it: `budget` places were looked at
    and it was not known yet. The nearest group, and in it the nearest block, is sought when its
    turn comes: mostly a few are enough.
    """
    gaps = _gaps(blocks.groups, 0, blocks.groups.shape[0], here)
    found, squares, size, before = np.empty(4 * BLOCK, np.int32), np.empty(4 * BLOCK), 0, 0
    limit = reach * reach
    while True:
        group, gap = _take_least(gaps)
        if gap > limit:
            return found[:size], True
        first, last = group * GROUP, min((group + 1) * GROUP, blocks.boxes.shape[0])
        inner = _gaps(blocks.boxes, first, last, here)
        while True:
            i, gap = _take_least(inner)
            if gap > limit:
                break
            budget -= BLOCK
            if budget < 0:
                return found[:0], False
            if size + BLOCK > found.size:
                found, squares = np.append(found, found), np.append(squares, squares)
            size = _look(blocks, first + i, here, limit, allowed, found, squares, size)
            if size >= k and 2 * size >= 3 * before:
                closest = -squares[:size]
                put_largest_first(closest, size, k)
                edge = no_nearer_than(math.sqrt(-closest[k - 1]))
                limit = min(limit, edge * edge)
                size = before = _keep_within(limit, found, squares, size)


@njit(cache=True, nogil=True)
def _take_least(gaps: F64) -> tuple[int, float]:
    """Return the place of the least gap and the gap, and leave infinity there."""
    place = 0
    for i in range(gaps.size):
        if gaps[i] < gaps[place]:
            place = i
    gap = gaps[place]
    gaps[place] = np.inf
    return place, gap


@njit(cache=True, nogil=True)
def _gaps(boxes: F64, first: int, last: int, here: tuple[float, float, float]) -> F64:
    """Return the gaps of some of the boxes."""
    out = np.empty(last - first, np.float64)
    for i in range(out.size):
        out[i] = _gap(boxes[first + i], here)
    return out


@njit(cache=True, nogil=True)
def _look(
    blocks: PlaceBlocks,
    block: int,
    here: tuple[float, float, float],
    limit: float,
    allowed: Bools,
    found: I32,
    squares: F64,
    size: int,
) -> int:
    """Append the block's places that are allowed and near enough; return how many are found."""
    for place in range(block * BLOCK, min((block + 1) * BLOCK, blocks.rows.size)):
        row, square = blocks.rows[place], _square(blocks.points[place], here)
        if square <= limit and (not allowed.size or allowed[row]):
            found[size], squares[size] = place, square
            size += 1
    return size


@njit(cache=True, nogil=True)
def _mark(
    blocks: PlaceBlocks,
    lat: float,
    lon: float,
    here: tuple[float, float, float],
    limits: tuple[float, float, float],
    lats: F64,
    lons: F64,
    allowed: Bools,
) -> None:
    """Allow what is nearer than the first limit, or up to the second if its distance says so."""
    inside, outside, radius_km = limits
    for group in range(blocks.groups.shape[0]):
        if _gap(blocks.groups[group], here) > outside:
            continue
        for block in range(group * GROUP, min((group + 1) * GROUP, blocks.boxes.shape[0])):
            if _gap(blocks.boxes[block], here) > outside:
                continue
            is_inside = _span(blocks.boxes[block], here) < inside
            for place in range(block * BLOCK, min((block + 1) * BLOCK, blocks.rows.size)):
                row = blocks.rows[place]
                square = 0.0 if is_inside else _square(blocks.points[place], here)
                if is_inside or square < inside:
                    allowed[row] = True
                elif square <= outside:
                    allowed[row] = km_between(lat, lon, lats[row], lons[row]) <= radius_km


@njit(cache=True, nogil=True)
def _square(point: F64, here: tuple[float, float, float]) -> float:
    """Return the square of the chord between two points."""
    a, b, c = point[0] - here[0], point[1] - here[1], point[2] - here[2]
    square: float = a * a + b * b + c * c
    return square


@njit(cache=True, nogil=True)
def _gap(box: F64, here: tuple[float, float, float]) -> float:
    """Return what no square of a chord into the box is less than."""
    total = 0.0
    for axis in range(3):
        off = max(box[0, axis] - here[axis], here[axis] - box[1, axis], 0.0)
        total += off * off
    return total


@njit(cache=True, nogil=True)
def _span(box: F64, here: tuple[float, float, float]) -> float:
    """Return what no square of a chord into the box is more than."""
    total = 0.0
    for axis in range(3):
        off = max(here[axis] - box[0, axis], box[1, axis] - here[axis])
        total += off * off
    return total


@njit(cache=True, nogil=True)
def _keep_within(limit: float, found: I32, squares: F64, size: int) -> int:
    kept = 0
    for i in range(size):
        if squares[i] <= limit:
            found[kept], squares[kept] = found[i], squares[i]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _codes(points: F64) -> U64:
    """Return each point's place on the curve: the bits of its three coordinates in turn."""
    out = np.zeros(points.shape[0], np.uint64)
    for i in range(points.shape[0]):
        for axis in range(3):
            step = np.uint64(min(max((points[i, axis] + 1.0) / 2.0, 0.0), 1.0) * GRID)
            for bit in range(20):
                one = (step >> np.uint64(bit)) & np.uint64(1)
                out[i] |= one << np.uint64(3 * bit + axis)
    return out


def _around(points: F64, count: int) -> F64:
    """Return the boxes around so many points after another. (boxes, 2, 3)"""
    starts = np.arange(0, len(points), count)
    if not starts.size:
        return np.empty((0, 2, 3))
    least, largest = (f.reduceat(points, starts, axis=0) for f in (np.minimum, np.maximum))
    return np.ascontiguousarray(np.stack([least, largest], axis=1))
