"""Distances on the Earth. One formula for recall, filters, features and answers: equal bits.

The Earth is a sphere of the mean radius of WGS84: at most 0.6 % off the ellipsoid.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from app.domain.arrays import F64, Bools, Rows

EARTH_RADIUS_KM = 6371.0088  # mean radius R1 of WGS84 (Moritz 2000)
_SLACK_DEG = 1e-6  # 10 cm: more than rounding moves a distance
_ROUNDING, _NOUGHT = 1e-9, 1e-18  # of sin² of half an arc: more than the arithmetic loses
_HALF_RADIAN = math.pi / 360.0  # of a degree


def haversine_km(lat: float, lon: float, lats: F64, lons: F64) -> F64:
    """Return the great-circle distance from one point to many, in km. (n,)

    Degrees in; NaN where a place is missing. Sinnott, "Virtues of the Haversine" (1984):
    exact to the metre from nought to the antipode, across the antimeridian and at the poles.
    """
    km: F64 = _many(lat, lon, np.asarray(lats, np.float64), np.asarray(lons, np.float64))
    return km


def km_to_rows(lat: float, lon: float, lats: F64, lons: F64, rows: Rows) -> F64:
    """Return `haversine_km` to the places of some rows of two columns. (m,)"""
    km: F64 = _to_rows(lat, lon, lats, lons, rows)
    return km


def within_km(lat: float, lon: float, radius_km: float, lats: F64, lons: F64) -> Bools:
    """Tell which places have `haversine_km` ≤ `radius_km`; a missing one has not. (n,)

    Nearly all are told by x² − x⁴/3 ≤ sin² x ≤ x², with the largest and the least cosine of any
    latitude in reach; only the places in between are measured.
    """
    reach = math.degrees(radius_km / EARTH_RADIUS_KM) + _SLACK_DEG
    cosines = _cosines_between(lat - reach, lat + reach)
    half_arc = min(radius_km / (2.0 * EARTH_RADIUS_KM), math.pi / 2)
    near: Bools = _within(lat, lon, radius_km, math.sin(half_arc) ** 2, *cosines, lats, lons)
    return near


def within_box(south: float, west: float, north: float, east: float, lats: F64, lons: F64) -> Bools:
    """Tell which places lie in the box of `app.domain.filters.Box`; a missing one does not. (n,)"""
    inside: Bools = _boxed(south, west, north, east, lats, lons)
    return inside


def unit_vectors(lats: F64, lons: F64) -> F64:
    """Return the points on the unit sphere, where nearest by chord is nearest by arc. (n, 3)"""
    lat, lon = np.radians(lats), np.radians(lons)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def chord_of_km(distance_km: float) -> float:
    """Return the straight line through the unit sphere under an arc of that length."""
    return 2.0 * math.sin(min(distance_km / (2.0 * EARTH_RADIUS_KM), math.pi / 2))


@njit(cache=True, nogil=True)
def km_between(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return `haversine_km` between two points, for kernels."""
    here, there = math.radians(lat), math.radians(other_lat)
    north = math.sin((there - here) / 2)
    east = math.sin(math.radians(other_lon - lon) / 2)
    h = north * north + math.cos(here) * math.cos(there) * east * east
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(h, 1.0)))


@njit(cache=True, nogil=True)
def _many(lat: float, lon: float, lats: F64, lons: F64) -> F64:
    out = np.empty(lats.size, np.float64)
    for i in range(lats.size):
        known = lats[i] == lats[i] and lons[i] == lons[i]
        out[i] = km_between(lat, lon, lats[i], lons[i]) if known else np.nan
    return out


@njit(cache=True, nogil=True)
def _to_rows(lat: float, lon: float, lats: F64, lons: F64, rows: Rows) -> F64:
    out = np.empty(rows.size, np.float64)
    for i in range(rows.size):
        there = rows[i]
        known = not (math.isnan(lats[there]) or math.isnan(lons[there]))
        out[i] = km_between(lat, lon, lats[there], lons[there]) if known else np.nan
    return out


def _cosines_between(south: float, north: float) -> tuple[float, float]:
    """Return the least and the largest cosine of any latitude in the band, degrees in."""
    ends = [math.cos(math.radians(max(-90.0, min(lat, 90.0)))) for lat in (south, north)]
    return max(min(ends), 0.0), 1.0 if south <= 0.0 <= north else max(ends)


@njit(cache=True, nogil=True)
def _within(
    lat: float,
    lon: float,
    radius_km: float,
    limit: float,
    least_cosine: float,
    largest_cosine: float,
    lats: F64,
    lons: F64,
) -> Bools:
    """Tell by bounds of h in the haversine formula, whose value at the radius is `limit`."""
    here = math.cos(math.radians(lat))
    low, high = here * least_cosine, here * largest_cosine
    far, near = limit * (1 + _ROUNDING) + _NOUGHT, limit * (1 - _ROUNDING) - _NOUGHT
    told = np.empty(lats.size, np.uint8)  # 0 outside, 1 to be measured, 2 inside
    for i in range(lats.size):  # without a branch: SIMD
        apart = abs(lons[i] - lon)
        u = (lats[i] - lat) * _HALF_RADIAN
        v = min(apart, 360.0 - apart) * _HALF_RADIAN
        u, v = u * u, v * v
        least = u - u * u / 3.0 + low * (v - v * v / 3.0)
        told[i] = np.uint8(least <= far) + np.uint8(u + high * v <= near)
    out: Bools = told == 2
    for i in range(lats.size):
        if told[i] == 1:
            out[i] = km_between(lat, lon, lats[i], lons[i]) <= radius_km
    return out


@njit(cache=True, nogil=True)
def _boxed(south: float, west: float, north: float, east: float, lats: F64, lons: F64) -> Bools:
    """180° W and 180° E are one meridian."""
    is_over = west > east
    out = np.empty(lats.size, np.bool_)
    for i in range(lats.size):
        lon = lons[i]
        other = -lon if abs(lon) == 180.0 else lon
        between = ((west <= lon) & (lon <= east)) | ((west <= other) & (other <= east))
        beyond = (west <= lon) | (lon <= east)  # NaN is neither
        out[i] = (south <= lats[i]) & (lats[i] <= north) & (beyond if is_over else between)
    return out
