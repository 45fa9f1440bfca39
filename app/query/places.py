"""Conditions on where a document lies, as JSON: around a point, or between four sides.

{"location": {"within_km": 2, "lat": 31.2, "lon": 121.5}}
{"location": {"box": [south, west, north, east]}}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from app.domain.errors import InvalidQuery
from app.domain.filters import MAX_RADIUS_KM, Box, Within

_WANTED = "write {within_km, lat, lon} or {box: [south, west, north, east]}"
_SIDES = (90.0, 180.0, 90.0, 180.0)  # degrees at most: south, west, north, east


def parse_place(value: Any, here: str) -> Within | Box:
    """Return the condition. Raises InvalidQuery naming the path of what is wrong."""
    if not isinstance(value, Mapping):
        raise InvalidQuery(here, value, "not an object", _WANTED)
    if value.keys() == {"box"}:
        return _box(value["box"], f"{here}.box")
    if value.keys() == {"within_km", "lat", "lon"}:
        return _within(value, here)
    raise InvalidQuery(here, dict(value), "neither a circle nor a box", _WANTED)


def _within(body: Mapping[Any, Any], here: str) -> Within:
    radius_km = _number(body["within_km"], f"{here}.within_km", "kilometres")
    if not 0 < radius_km <= MAX_RADIUS_KM:
        limit = f"above 0 and at most {MAX_RADIUS_KM:.0f}"
        raise InvalidQuery(f"{here}.within_km", body["within_km"], limit, "use km")
    lat = _degrees(body["lat"], f"{here}.lat", 90.0)
    return Within(lat, _degrees(body["lon"], f"{here}.lon", 180.0), radius_km)


def _box(sides: Any, here: str) -> Box:
    if not isinstance(sides, list) or len(sides) != len(_SIDES):
        raise InvalidQuery(here, sides, "four numbers", "write [south, west, north, east]")
    south, west, north, east = (
        _degrees(side, f"{here}.{i}", most)
        for i, (side, most) in enumerate(zip(sides, _SIDES, strict=True))
    )
    if south > north:
        raise InvalidQuery(
            here, sides, "south is above north", "write [south, west, north, east]; only west may "
            "be above east, where the box crosses 180°",
        )  # fmt: skip
    return Box(south, west, north, east)


def _degrees(value: Any, here: str, most: float) -> float:
    degrees = _number(value, here, "degrees, WGS84")
    if not -most <= degrees <= most:
        raise InvalidQuery(here, value, f"between {-most:g} and {most:g}", "use degrees, WGS84")
    return degrees


def _number(value: Any, here: str, unit: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidQuery(here, value, "not a number", f"write {unit}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidQuery(here, value, "not a finite number", f"write {unit}")
    return number
