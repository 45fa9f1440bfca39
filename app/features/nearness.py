"""How far the candidates are, and the nearest of them, in one call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.corpus.geometry import km_between
from app.domain.arrays import F32, F64
from app.domain.query import GeoPoint


class Nearness(NamedTuple):
    """Where n candidates are, seen from one place."""

    km: F32  # (n,) great-circle distance, NaN where a candidate has no place
    nearest: float  # NaN where none has, as is the next
    nearest_match: float  # of those with the best coverage


def nearness_of(origin: GeoPoint, numbers: F64, lat: int, lon: int, coverage: F32) -> Nearness:
    """Measure from `origin` to what the rows `lat` and `lon` of the numbers (m, n) say.

    `coverage` (n,) tells how well each meets the query, NaN where nothing can be said.
    """
    return Nearness(*_near(origin.lat, origin.lon, numbers, lat, lon, coverage))


@njit(cache=True, nogil=True)
def _near(
    lat: float, lon: float, numbers: F64, lat_place: int, lon_place: int, coverage: F32
) -> tuple[F32, float, float]:
    lats, lons = numbers[lat_place], numbers[lon_place]
    km = np.empty(lats.size, np.float32)
    for i in range(lats.size):
        known = lats[i] == lats[i] and lons[i] == lons[i]
        km[i] = km_between(lat, lon, lats[i], lons[i]) if known else np.nan
    return km, np.float64(lowest(km)), nearest_best(coverage, km)


@njit(cache=True, nogil=True)
def lowest(values: F32) -> np.float32:
    """Return the lowest of what is known; NaN when nothing is."""
    best = np.float32(np.nan)
    for value in values:
        best = value if value < best or np.isnan(best) else best
    return best


@njit(cache=True, nogil=True)
def nearest_best(coverage: F32, kilometres: F32) -> float:
    """Return the kilometres of the nearest among those with the best coverage; NaN when none is."""
    best, nearest = np.float32(-np.inf), np.inf
    for i in range(coverage.size):
        if coverage[i] > best:
            best, nearest = coverage[i], np.inf
        if coverage[i] == best:
            nearest = min(nearest, kilometres[i]) if kilometres[i] == kilometres[i] else nearest
    return nearest if nearest < np.inf else np.nan
