"""What people typed, to be suggested to others: who types a text alone is not heard of here.

suggest/
  …                 see corpus/completions; a text per query
  people.npy        (queries,) int32: who typed it, distinct, ever
  clickers.npy      (queries,) int32: who of them clicked something after it
  popularity.npy    (queries,) float32: people a day, decayed with age; who clicked counts twice
  areas.npy         (areas,) int64 ascending: where people asked, and around it, see `area_of`
  totals.npy        (areas + 1,) float32: popularity of all that was asked in an area and the eight
                    around it; the last: anywhere
  local.*           int32 queries of each area and the eight around it, ascending
  local_popularity  float32, aligned
  own.*             int32 queries of each person of the tables, the newest first
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.completions import Completions
from app.corpus.ragged import Ragged, open_array, save_array
from app.domain.arrays import F32, F64, I32, I64, Array

AREA_DEG = 0.1  # 11 km from south to north
_AROUND = 3600
_PULL = 5.0
"""Popularity expected of a query in a place, at which half of what is seen there counts."""

MOST_HERE = 500  # queries of one area, and of one person
_ARRAYS = ("people", "popularity", "areas", "totals", "local_popularity")


@dataclass(frozen=True, slots=True)
class SuggestedQueries:
    completions: Completions
    people: I32
    clickers: I32
    popularity: F32
    areas: I64
    totals: F32
    local: Ragged
    local_popularity: F32
    own: Ragged

    def of_person(self, person: int) -> I32:
        """Return what a person of the tables typed, the newest first."""
        return np.asarray(self.own[person], np.int32)

    def near(self, lat: float, lon: float) -> Here:
        """Return what is typed around a place. In degrees."""
        area = int(area_of(np.array(lat), np.array(lon)))
        at = int(np.searchsorted(self.areas, area))
        if at == self.areas.size or int(self.areas[at]) != area:
            return Here(self.local.values[:0], self.local_popularity[:0], 0.0)
        span = slice(self.local.offsets[at], self.local.offsets[at + 1])
        share = float(self.totals[at]) / max(float(self.totals[-1]), 1e-9)
        return Here(self.local.values[span], self.local_popularity[span], share)

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into `path`, a directory made here."""
        self.completions.save(path)
        self.local.save(path / "local")
        self.own.save(path / "own")
        for name in (*_ARRAYS, "clickers"):
            save_array(path / name, getattr(self, name))

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Map what `save` wrote; None for tables that were built before there was any."""
        if not path.is_dir():
            return None
        arrays = {name: open_array(path / name) for name in _ARRAYS}
        has_clickers = (path / "clickers.npy").is_file()  # tables were built before there were any
        clickers = open_array(path / "clickers") if has_clickers else arrays["people"] * 0
        return cls(
            completions=Completions.open(path),
            local=Ragged.open(path / "local"),
            own=Ragged.open(path / "own"),
            clickers=clickers,
            **arrays,
        )


@dataclass(frozen=True, slots=True)
class Here:
    """What is typed around one place."""

    queries: I32  # ascending
    popularity: F32  # of each, here
    share: float  # of all that is typed anywhere

    def factors(self, queries: I32, popularity: F32) -> F64:
        """Return how much more than elsewhere each query is typed here, shrunk towards 1. (n,)"""
        seen = np.zeros(queries.size)
        if self.queries.size:
            at = np.minimum(np.searchsorted(self.queries, queries), self.queries.size - 1)
            seen = np.where(self.queries[at] == queries, self.popularity[at], 0.0)
        expected = popularity.astype(np.float64) * self.share
        return np.asarray((seen + _PULL) / (expected + _PULL), np.float64)


def area_of(lat: Array, lon: Array) -> I64:
    """Return the number of the area of AREA_DEG × AREA_DEG that holds each place, in degrees."""
    south, west = np.floor((lat + 90.0) / AREA_DEG), np.floor((lon + 180.0) / AREA_DEG)
    return np.asarray(south * _AROUND + west % _AROUND, np.int64)


def areas_around(areas: I64) -> I64:
    """Return each area and the eight around it. (n, 9)"""
    steps = np.arange(-1, 2)
    south, west = areas // _AROUND, areas % _AROUND
    rows = south[:, None, None] + steps[:, None]
    columns = (west[:, None, None] + steps) % _AROUND
    return np.asarray(rows * _AROUND + columns, np.int64).reshape(-1, 9)
