"""Geo: the documents nearest to where the asker is.

A k-d tree over points on the unit sphere knows no antimeridian and no poles. It proposes; the
order is by `haversine_km`, the same that features and answers show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from app.corpus.documents import Documents
from app.corpus.geometry import chord_of_km, haversine_km, unit_vectors
from app.domain.arrays import F32, F64, I32, I64, Bools, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.domain.query import GeoPoint
from app.recall.channel import ChannelConfig
from app.recall.newer import NO_ROWS, allowed_rows, base_part
from app.recall.once import OncePerRow
from app.recall.options import read_options
from app.recall.topk import top_rows
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "geo"
EVERYTHING = np.empty(0, np.bool_)
SCAN_COST = 16  # rows measured one by one in the time of one neighbour from the tree


@dataclass(frozen=True, slots=True)
class GeoOptions:
    radius_km: float = 50.0  # nothing farther is returned


@dataclass(frozen=True, slots=True)
class GeoChannel:
    """The score is −distance in km as float32; rows at one such distance come by row."""

    lats: F64  # (n or more,) degrees, NaN where missing
    lons: F64
    n: int  # rows of the snapshot
    rows: Rows  # (p,) ascending, those that have a place
    points: F64  # (p, 3) on the unit sphere
    places: I32  # (n,) where each row stands among them, -1 without a place
    tree: cKDTree | None  # over `rows`; None when there are none
    radius_km: float
    newer_points: OncePerRow
    newer: NewerPlaces | None = None  # of rows that came after the snapshot

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(GeoOptions, NAME, config)  # the tree is made at opening: 0.7 s a million

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(GeoOptions, NAME, config)
        missing = np.full(len(snapshot), np.nan)
        lats, lons = (snapshot.documents.numbers.get(name, missing) for name in ("lat", "lon"))
        return cls.over(lats, lons, options.radius_km)

    @classmethod
    def over(cls, lats: F64, lons: F64, radius_km: float) -> Self:
        """Index places in degrees, one a row; NaN where a row has none."""
        rows = np.flatnonzero(np.isfinite(lats) & np.isfinite(lons)).astype(np.int32)
        points = unit_vectors(lats[rows], lons[rows])
        points.flags.writeable = False  # as those of newer rows are: kernels compile once a type
        # sliding midpoint: half the time to build, and equal points are no worst case
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False) if rows.size else None
        places = np.full(lats.size, -1, np.int32)
        places[rows] = np.arange(rows.size, dtype=np.int32)
        newer = OncePerRow.after(lats.size, (3,), np.float64)
        return cls(lats, lons, lats.size, rows, points, places, tree, radius_km, newer)

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        """Places of documents do not change in place: only new rows have to be looked at."""
        if not view.documents.has_places:
            return self
        lats, lons = view.documents.numbers["lat"], view.documents.numbers["lon"]
        if view.overlay is None:
            return replace(self, lats=lats, lons=lons, newer=None)
        points = self.newer_points.follow(len(view), lambda r: unit_vectors(lats[r], lons[r]))
        rows = view.overlay.rows
        rows = rows[np.isfinite(lats[rows]) & np.isfinite(lons[rows])]
        newer = NewerPlaces(rows, self.n, points.all) if rows.size else None
        return replace(self, lats=lats, lons=lons, newer_points=points, newer=newer)

    def accepts(self, ctx: SearchContext) -> bool:
        return ctx.query.origin is not None

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        origin = ctx.query.origin
        if origin is None:
            return ChannelHits.nothing(NAME)
        rows = self._near(origin, k, base_part(ctx.mask, self.n)) if self.tree else NO_ROWS
        if self.newer is not None:
            rows = np.concatenate([rows, self.newer.near(origin, k, ctx.mask)])
        distance_km = haversine_km(origin.lat, origin.lon, self.lats[rows], self.lons[rows])
        near, scores = _within(rows, distance_km, self.radius_km)
        return ChannelHits(NAME, *top_rows(near, scores, k))

    def _near(self, origin: GeoPoint, k: int, mask: RowMask | None) -> Rows:
        """Return allowed rows among which the k nearest are.

        The tree is asked for more and more neighbours, for of those nearby the filter may allow
        few or none, and no further than measuring all allowed rows costs.
        """
        allowed, count = EVERYTHING, self.rows.size
        if mask is not None:
            allowed, count = mask.allowed, mask.count
        expected = k * self.rows.size // max(count, 1)
        asked = expected + expected // 4 + 16
        while asked * SCAN_COST < count:
            rows = self._from_tree(origin, k, asked, allowed)
            if rows is not None:
                return rows
            asked *= 4
        at = self.places if mask is None else self.places[np.flatnonzero(allowed)]
        return self.rows[_nearest(self.points, at[at >= 0], origin, k)]

    def _from_tree(self, origin: GeoPoint, k: int, asked: int, allowed: Bools) -> Rows | None:
        """Return the same from so many neighbours; None if one that is left out could be nearer."""
        assert self.tree is not None
        asked = min(asked, self.rows.size)
        reach = _no_nearer_than(chord_of_km(self.radius_km))
        point = _unit_vector(origin.lat, origin.lon)
        answer = self.tree.query(point, asked, distance_upper_bound=reach)
        chords, at = np.atleast_1d(answer[0]), np.atleast_1d(answer[1])  # one is a number
        rows: Rows
        rows, kept = _pick(chords, at, self.rows, allowed)
        is_all = asked == self.rows.size or not math.isfinite(chords[-1])
        is_enough = kept.size >= k and _no_nearer_than(kept[k - 1]) < chords[-1]
        return rows if is_all or is_enough else None


@dataclass(frozen=True, slots=True)
class NewerPlaces:
    """Rows that came after the snapshot and have a place. They are few: measured one by one."""

    rows: Rows  # (q,) ascending
    first_row: int
    points: F64  # (rows, 3) of each row from first_row on, on the unit sphere; NaN without a place

    def near(self, origin: GeoPoint, k: int, mask: RowMask | None) -> Rows:
        """Return allowed rows among which the k nearest are, by their chords."""
        first = np.int32(self.first_row)
        near: Rows = _nearest(self.points, allowed_rows(self.rows, mask) - first, origin, k) + first
        return near


def _nearest(points: F64, at: I32, origin: GeoPoint, k: int) -> I32:
    """Return those of the places `at` among which the k nearest points are, by their chords."""
    if at.size <= k:
        return at
    chords: F64 = _chords(points, at, *_unit_vector(origin.lat, origin.lon))
    near: I32 = at[chords <= _no_nearer_than(float(np.partition(chords, k - 1)[k - 1]))]
    return near


@njit(cache=True, nogil=True)
def _chords(points: F64, at: I32, x: float, y: float, z: float) -> F64:
    out = np.empty(at.size, np.float64)
    for i in range(at.size):
        point = at[i]
        a, b, c = points[point, 0] - x, points[point, 1] - y, points[point, 2] - z
        out[i] = math.sqrt(a * a + b * b + c * c)
    return out


def _unit_vector(lat: float, lon: float) -> tuple[float, float, float]:
    """Return `unit_vectors` of one point without NumPy's price for it."""
    north, east = math.radians(lat), math.radians(lon)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


@njit(cache=True, nogil=True)
def _pick(chords: F64, at: I64, rows: Rows, allowed: Bools) -> tuple[Rows, F64]:
    """Return the rows found that are allowed (all, where `allowed` is empty), and their chords."""
    picked, kept, size = np.empty(at.size, np.int32), np.empty(at.size, np.float64), 0
    for i in range(at.size):
        if math.isfinite(chords[i]) and (not allowed.size or allowed[rows[at[i]]]):
            picked[size], kept[size] = rows[at[i]], chords[i]
            size += 1
    return picked[:size], kept[:size]


@njit(cache=True, nogil=True)
def _within(rows: Rows, distance_km: F64, radius_km: float) -> tuple[Rows, F32]:
    """Return the rows in reach, and their scores."""
    near, scores, size = np.empty(rows.size, np.int32), np.empty(rows.size, np.float32), 0
    for i in range(rows.size):
        if distance_km[i] <= radius_km:
            near[size], scores[size] = rows[i], -distance_km[i]
            size += 1
    return near[:size], scores[:size]


def _no_nearer_than(chord: float) -> float:
    """Return a chord beyond which no point's float32 distance is as small as at `chord`.

    float32 rounds distances by 6e-8 of themselves, float64 rounds chords by about 1e-15.
    """
    return chord * (1 + 1e-6) + 1e-12
