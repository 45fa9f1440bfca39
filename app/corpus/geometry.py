"""Distances on the Earth. One formula for recall, filters, features and answers: equal bits.

The Earth is a sphere of the mean radius of WGS84: at most 0.6 % off the ellipsoid.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from app.domain.arrays import F64, Bools

EARTH_RADIUS_KM = 6371.0088  # mean radius R1 of WGS84 (Moritz 2000)
_SLACK_DEG = 1e-6  # 10 cm: more than rounding moves a distance


def haversine_km(lat: float, lon: float, lats: F64, lons: F64) -> F64:
    """Return the great-circle distance from one point to many, in km. (n,)

    Degrees in; NaN where a place is missing. Sinnott, "Virtues of the Haversine" (1984):
    exact to the metre from nought to the antipode, across the antimeridian and at the poles.
    """
    km: F64 = _many(lat, lon, np.asarray(lats, np.float64), np.asarray(lons, np.float64))
    return km


def within_km(lat: float, lon: float, radius_km: float, lats: F64, lons: F64) -> Bools:
    """Tell which places have `haversine_km` ≤ `radius_km`; a missing one has not. (n,)

    Most are told by their latitude alone, without any sine.
    """
    near: Bools = _within(lat, lon, radius_km, lats, lons)
    return near


def unit_vectors(lats: F64, lons: F64) -> F64:
    """Return the points on the unit sphere, where nearest by chord is nearest by arc. (n, 3)"""
    lat, lon = np.radians(lats), np.radians(lons)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def chord_of_km(distance_km: float) -> float:
    """Return the straight line through the unit sphere under an arc of that length."""
    return 2.0 * math.sin(min(distance_km / (2.0 * EARTH_RADIUS_KM), math.pi / 2))


@njit(cache=True, nogil=True)
def _km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
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
        out[i] = _km(lat, lon, lats[i], lons[i]) if known else np.nan
    return out


@njit(cache=True, nogil=True)
def _within(lat: float, lon: float, radius_km: float, lats: F64, lons: F64) -> Bools:
    reach = math.degrees(radius_km / EARTH_RADIUS_KM) + _SLACK_DEG
    out = np.empty(lats.size, np.bool_)
    for i in range(lats.size):
        near = abs(lats[i] - lat) <= reach and lons[i] == lons[i]
        out[i] = near and _km(lat, lon, lats[i], lons[i]) <= radius_km
    return out
