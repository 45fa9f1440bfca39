"""Geo: the documents nearest to where the asker is.

A k-d tree over points on the unit sphere knows no antimeridian and no poles. It proposes; the
order is by `haversine_km`, the same that features and answers show.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.spatial import cKDTree

from app.corpus.documents import Documents
from app.corpus.geometry import chord_of_km, haversine_km, unit_vectors
from app.domain.arrays import F64, Array, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.domain.query import GeoPoint
from app.recall.channel import ChannelConfig
from app.recall.options import read_options
from app.recall.topk import top_rows
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "geo"
SCAN_COST = 16  # rows measured one by one in the time of one neighbour from the tree


@dataclass(frozen=True, slots=True)
class GeoOptions:
    radius_km: float = 50.0  # nothing farther is returned


@dataclass(frozen=True, slots=True)
class GeoChannel:
    """The score is −distance in km as float32; rows at one such distance come by row."""

    lats: F64  # (n,) degrees, NaN where missing
    lons: F64  # (n,)
    rows: Rows  # (p,) ascending, those that have a place
    tree: cKDTree | None  # over `rows`; None when there are none
    radius_km: float

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
        # sliding midpoint: half the time to build, and equal points are no worst case
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False) if rows.size else None
        return cls(lats, lons, rows, tree, radius_km)

    def accepts(self, ctx: SearchContext) -> bool:
        return ctx.query.origin is not None

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        origin = ctx.query.origin
        if origin is None or self.tree is None:
            return ChannelHits.nothing(NAME)
        rows = self._near(origin, k, ctx.mask)
        distance_km = haversine_km(origin.lat, origin.lon, self.lats[rows], self.lons[rows])
        within = distance_km <= self.radius_km
        scores = -distance_km[within].astype(np.float32)
        return ChannelHits(NAME, *top_rows(rows[within], scores, k))

    def _near(self, origin: GeoPoint, k: int, mask: RowMask | None) -> Rows:
        """Return allowed rows among which the k nearest are."""
        if mask is None:
            return self._from_tree(origin, k, k, None)
        if mask.count * mask.count <= SCAN_COST * k * self.rows.size:
            rows = np.flatnonzero(mask.allowed).astype(np.int32)
            return rows[np.isfinite(self.lats[rows]) & np.isfinite(self.lons[rows])]
        expected = k * self.rows.size // mask.count
        return self._from_tree(origin, k, expected, mask.allowed)

    def _from_tree(self, origin: GeoPoint, k: int, expected: int, allowed: Array | None) -> Rows:
        """Ask for more and more neighbours, until none that is left out could be among the k."""
        assert self.tree is not None
        point = unit_vectors(np.array([origin.lat]), np.array([origin.lon]))
        asked = min(expected + expected // 4 + 16, self.rows.size)
        reach = _no_nearer_than(chord_of_km(self.radius_km))
        while True:
            answer = self.tree.query(point, asked, distance_upper_bound=reach)
            chords, at = np.ravel(answer[0]), np.ravel(answer[1])
            is_found = np.isfinite(chords)
            chords, rows = chords[is_found], self.rows[at[is_found]]
            kept = np.ones(rows.size, np.bool_) if allowed is None else allowed[rows]
            is_all = asked == self.rows.size or rows.size < asked
            if is_all or _is_settled(chords, chords[kept], k):
                found: Rows = rows[kept]
                return found
            asked = min(4 * asked, self.rows.size)


def _is_settled(chords: F64, kept: F64, k: int) -> bool:
    """Tell whether whoever is farther than all of `chords` is farther than the k-th kept."""
    return kept.size >= k and bool(_no_nearer_than(kept[k - 1]) < chords[-1])


def _no_nearer_than(chord: float) -> float:
    """Return a chord beyond which no point's float32 distance is as small as at `chord`.

    float32 rounds distances by 6e-8 of themselves, float64 rounds chords by about 1e-15.
    """
    return chord * (1 + 1e-6) + 1e-12
