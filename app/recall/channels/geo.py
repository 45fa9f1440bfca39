"""Geo: the documents nearest to where the asker is.

Blocks of places along a curve propose (app.corpus.place_blocks); the order is by `haversine_km`,
the same that features and answers show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.geometry import chord_of_km, km_between, unit_vectors
from app.corpus.masks import rows_in
from app.corpus.place_blocks import PlaceBlocks, nearest, no_nearer_than, unit_vector
from app.domain.arrays import F32, F64, I32, Bools, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.domain.query import GeoPoint
from app.recall.channel import ChannelConfig
from app.recall.newer import allowed_rows, base_part
from app.recall.once import OncePerRow
from app.recall.options import read_options
from app.recall.topk import add_rows, key_of, ranked
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "geo"
EVERYTHING, ENDLESS = np.empty(0, np.bool_), 1 << 62
NO_ROWS, NO_SCORES = np.empty(0, np.int32), np.empty(0, np.float32)
SCAN_COST = 8  # places walked past in the time in which an allowed row is picked out and measured


@dataclass(frozen=True, slots=True)
class GeoOptions:
    radius_km: float = 50.0  # nothing farther is returned


@dataclass(frozen=True, slots=True)
class GeoChannel:
    """The score is −distance in km as float32; rows at one such distance come by row."""

    lats: F64  # (n or more,) degrees, NaN where missing
    lons: F64
    n: int  # rows of the snapshot
    blocks: PlaceBlocks  # of those that have a place
    radius_km: float
    reach: float  # the chord under that arc
    newer_points: OncePerRow
    newer: NewerPlaces | None = None  # of rows that came after the snapshot

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(GeoOptions, NAME, config)  # places are put in order at opening

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(GeoOptions, NAME, config)
        missing = np.full(len(snapshot), np.nan)
        lats, lons = (snapshot.documents.numbers.get(name, missing) for name in ("lat", "lon"))
        return cls.over(lats, lons, snapshot.documents.places.blocks, options.radius_km)

    @classmethod
    def over(cls, lats: F64, lons: F64, blocks: PlaceBlocks, radius_km: float) -> Self:
        """Serve places in degrees, one a row; NaN where a row has none."""
        newer = OncePerRow.after(lats.size, (3,), np.float64)
        _chords(blocks.points, blocks.at[:0], 0.0, 0.0, 0.0)  # compiles here, not in a search
        return cls(lats, lons, lats.size, blocks, radius_km, chord_of_km(radius_km), newer)

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
        rows, scores = self._near(origin, k, base_part(ctx.mask, self.n))
        if self.newer is not None:
            reach_km = self.radius_km if rows.size < k else -float(scores[-1])
            newer = self.newer.near(origin, reach_km, ctx)
            here = (origin.lat, origin.lon, self.radius_km)
            near: tuple[Rows, F32] = _within(newer, self.lats, self.lons, *here)
            rows, scores = add_rows(rows, scores, *near, k)
        return ChannelHits(NAME, rows, scores)

    def _near(self, origin: GeoPoint, k: int, mask: RowMask | None) -> tuple[Rows, F32]:
        """Return the k nearest of the allowed rows in reach.

        Of few rows all are measured. Of more the blocks around the place are looked through, no
        further than measuring all of them costs: the filter may allow few nearby.
        """
        if not self.blocks.rows.size:
            return NO_ROWS, NO_SCORES
        if mask is None:
            return self._walk(origin, k, EVERYTHING, ENDLESS)[:2]
        budget = int(SCAN_COST * mask.count)
        if budget * mask.count > k * self.n:
            rows, scores, is_whole = self._walk(origin, k, mask.allowed, budget)
            if is_whole:
                return rows, scores
        blocks = self.blocks
        at = blocks.at[rows_in(mask.allowed)]
        near = _nearest(blocks.points, at[at >= 0], origin, k)
        best: tuple[Rows, F32] = _best(blocks, near, k, origin.lat, origin.lon, self.radius_km)
        return best

    def _walk(
        self, origin: GeoPoint, k: int, allowed: Bools, budget: int
    ) -> tuple[Rows, F32, bool]:
        lat, lon = origin.lat, origin.lon
        found: tuple[Rows, F32, bool] = _walk(
            self.blocks, unit_vector(lat, lon), k, self.reach, allowed, budget,
            lat, lon, self.radius_km,
        )  # fmt: skip
        return found


@dataclass(frozen=True, slots=True)
class NewerPlaces:
    """Rows that came after the snapshot and have a place. They are few: measured one by one."""

    rows: Rows  # (q,) ascending
    first_row: int
    points: F64  # (rows, 3) of each row from first_row on, on the unit sphere; NaN without a place

    def near(self, origin: GeoPoint, reach_km: float, ctx: SearchContext) -> Rows:
        """Return allowed rows among which are all those that are no farther, by their chords."""
        reach = no_nearer_than(chord_of_km(reach_km))
        rows, here = allowed_rows(self.rows, ctx), unit_vector(origin.lat, origin.lon)
        near: Rows = _closer(self.points, self.first_row, rows, *here, reach * reach)
        return near


def _nearest(points: F64, at: I32, origin: GeoPoint, k: int) -> I32:
    """Return those of the places `at` among which the k nearest points are, by their chords."""
    if at.size <= k:
        return at
    chords: F64 = _chords(points, at, *unit_vector(origin.lat, origin.lon))
    near: I32 = at[chords <= no_nearer_than(float(np.partition(chords, k - 1)[k - 1]))]
    return near


@njit(cache=True, nogil=True)
def _chords(points: F64, at: I32, x: float, y: float, z: float) -> F64:
    out = np.empty(at.size, np.float64)
    for i in range(at.size):
        point = at[i]
        a, b, c = points[point, 0] - x, points[point, 1] - y, points[point, 2] - z
        out[i] = math.sqrt(a * a + b * b + c * c)
    return out


@njit(cache=True, nogil=True)
def _closer(
    points: F64, first_row: int, rows: Rows, x: float, y: float, z: float, square: float
) -> Rows:
    """Return the rows whose chord's square is no more than `square`."""
    near, size = np.empty(rows.size, np.int32), 0
    for row in rows:
        point = row - first_row
        a, b, c = points[point, 0] - x, points[point, 1] - y, points[point, 2] - z
        near[size] = row
        size += a * a + b * b + c * c <= square
    return near[:size]


@njit(cache=True, nogil=True)
def _walk(
    blocks: PlaceBlocks, point: tuple[float, float, float], k: int, reach: float, allowed: Bools,
    budget: int, lat: float, lon: float, radius_km: float,
) -> tuple[Rows, F32, bool]:  # fmt: skip
    """Return the k nearest rows and their scores; see `nearest`."""
    at, is_whole = nearest(blocks, point, k, no_nearer_than(reach), allowed, budget)
    rows, scores = _best(blocks, at, k, lat, lon, radius_km)
    return rows, scores, is_whole


@njit(cache=True, nogil=True)
def _best(
    blocks: PlaceBlocks, at: I32, k: int, lat: float, lon: float, radius_km: float
) -> tuple[Rows, F32]:
    """Return the k nearest of the places that are in reach: their rows and scores."""
    keys, size = np.empty(at.size, np.int64), 0
    for place in at:
        km = km_between(lat, lon, blocks.degrees[place, 0], blocks.degrees[place, 1])
        if km <= radius_km:
            keys[size] = key_of(np.float32(-km), blocks.rows[place])
            size += 1
    best: tuple[Rows, F32] = ranked(keys[:size], k)
    return best


@njit(cache=True, nogil=True)
def _within(
    rows: Rows, lats: F64, lons: F64, lat: float, lon: float, radius_km: float
) -> tuple[Rows, F32]:
    """Return the rows in reach, and their scores."""
    near, scores, size = np.empty(rows.size, np.int32), np.empty(rows.size, np.float32), 0
    for row in rows:
        km = km_between(lat, lon, lats[row], lons[row])
        if km <= radius_km:
            near[size], scores[size] = row, -km
            size += 1
    return near[:size], scores[:size]
