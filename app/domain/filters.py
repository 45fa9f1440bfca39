"""What a caller allows, as a tree. Evaluated on our own columns into one row mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from app.domain.arrays import Bools

MAX_CLAUSES = 64
MAX_RADIUS_KM = 20_038.0  # half way round the Earth


@dataclass(frozen=True, slots=True)
class Range:
    """lower ≤ or < value ≤ or < upper, in the field's own unit. A missing value never matches."""

    field: str
    lower: float = float("-inf")
    upper: float = float("inf")
    lower_open: bool = False
    upper_open: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field holds at least one of these keywords."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """The document lies within `radius_km` of the point (degrees, WGS84)."""

    lat: float
    lon: float
    radius_km: float


@dataclass(frozen=True, slots=True)
class Box:
    """The document lies between two latitudes and two longitudes (degrees, WGS84), ends included.

    The box goes from `west` to the east: over the antimeridian where `west` > `east`.
    """

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


Filter: TypeAlias = Range | OneOf | Within | Box | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class RowMask:
    """The rows that the filters allow."""

    allowed: Bools  # (n,)
    count: int  # how many are True
