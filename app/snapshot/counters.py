"""Impressions, clicks and click-through rates as of the tables' moment, by several keys.

A block holds one key a row and 2 × WINDOWS columns, float32: impressions in each window, then what
was clicked of them. On disk the second half are clicks, in memory it may be rates, smoothed towards
the prior of the key's family (docs/adr/0014-counters.md). A click counts at its impression, so that
no rate exceeds 1.

counted/documents.npy  (ordinals, 12) by document
counted/texts.*        the queries that showed something, by memory key
counted/queries.npy    (queries, 12)
counted/shown.*        ordinals that each query showed, ascending
counted/pairs.npy      (pairs, 12), aligned with shown.values
counted/hours.npy      (24, 12) by hour of the day, UTC
counted/cells.npy      (cells,) int64 ascending: where people asked, see `cell_of`
counted/places.npy     (cells, 12)
counted/priors.npy     (5, 2) float64: alpha and beta of each of FAMILIES
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.ragged import Dictionary, Ragged, open_array, save_array
from app.domain.arrays import F32, F64, I32, I64
from app.domain.errors import InvalidInput

WINDOW_HOURS: Mapping[str, int] = {"1h": 1, "1d": 24, "7d": 168, "30d": 720}
WINDOWS = (*WINDOW_HOURS, "decayed", "all")
"""Columns of a block; `decayed` counts half after the configured half-life."""

FAMILIES = ("documents", "queries", "pairs", "hours", "places")
FIELDS = ("category", "brand")
"""Keyword fields whose documents are counted together."""

HOUR_MS = 3_600_000
HOURS_A_DAY = 24
CELL_DEG = 0.05  # 5.6 km from south to north
_CELLS_AROUND = 7200
_LEAST, _MOST = 2.0, 1000.0
"""Impressions that a prior may weigh: fewer shout, more silence what is known."""
_DEFAULT = (1.0, 19.0)  # 5 %, worth 20 impressions: before anything was shown


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts as they are built and stored. Blocks as on top of this module."""

    documents: F32
    texts: Dictionary
    queries: F32
    shown: Ragged
    pairs: F32
    hours: F32
    cells: I64
    places: F32
    priors: F64
    tally: Mapping[str, int] = field(default_factory=dict)  # kept in the manifest

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into `path`, a directory made here."""
        path.mkdir()
        self.texts.save(path / "texts")
        self.shown.save(path / "shown")
        for name in (*FAMILIES, "cells", "priors"):
            save_array(path / name, getattr(self, name))

    @classmethod
    def open(cls, path: Path) -> Counted | None:
        """Map the files; None for tables that were built before there were any."""
        if not path.exists():
            return None
        arrays: Any = {name: open_array(path / name) for name in (*FAMILIES, "cells", "priors")}
        return cls(
            texts=Dictionary.open(path / "texts"), shown=Ragged.open(path / "shown"), **arrays
        )

    def prior(self, family: str) -> tuple[float, float]:
        """Return alpha and beta of the family."""
        alpha, beta = self.priors[FAMILIES.index(family)].tolist()
        return alpha, beta


@dataclass(frozen=True, slots=True)
class FieldCounters:
    """Counters of a keyword field, over the documents of the snapshot; a row's first value."""

    codes: I32  # (n,) -1 where the row has no value
    block: F32  # (values + 1, 12) impressions and rates; the last is what -1 finds: the prior


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters as seen from one snapshot: by row, smoothed, ready to be picked."""

    documents: F32  # (n, 12) impressions and rates
    fields: Mapping[str, FieldCounters]
    counted: Counted

    @classmethod
    def of(cls, counted: Counted, row_of: I32, documents: Documents) -> Counters:
        """Map ordinals to rows; -1 in `row_of` is a document that is gone and counts no more."""
        by_row = np.zeros((len(documents), 2 * len(WINDOWS)), np.float32)
        alive = np.flatnonzero(row_of >= 0)
        by_row[row_of[alive]] = counted.documents[alive]
        fields = {f: _of_field(documents, f, by_row) for f in FIELDS if f in documents.keywords}
        return cls(smoothed(by_row, *counted.prior("documents")), fields, counted)


def _of_field(documents: Documents, name: str, by_row: F32) -> FieldCounters:
    column = documents.keywords[name]
    codes = column.single(np.arange(len(documents), dtype=np.int32))
    block = _grouped(codes, by_row, len(column.names))
    return FieldCounters(codes, smoothed(block, *fit_prior(block[:-1])))


def window_of(name: str) -> int:
    """Return the window's column. Raises InvalidInput naming those that there are."""
    if name not in WINDOWS:
        raise InvalidInput(f"no counter has a window {name!r}; known: {', '.join(WINDOWS)}")
    return WINDOWS.index(name)


def cell_of(lat: Any, lon: Any) -> Any:
    """Return the number of the cell of CELL_DEG × CELL_DEG that holds a place, in degrees."""
    south, west = np.floor((lat + 90.0) / CELL_DEG), np.floor((lon + 180.0) / CELL_DEG)
    return south * _CELLS_AROUND + west


def fit_prior(counts: F32) -> tuple[float, float]:
    """Fit a beta prior to the family's rates of all time: alpha, beta. `counts` is a block.

    By moments, each key weighing as its impressions (Kleinman, "Proportions with Extraneous
    Variance", JASA 1973): what the keys differ by beyond chance is the variance of the prior.
    """
    last = len(WINDOWS) - 1
    shown, clicked = counts[:, last], counts[:, last + len(WINDOWS)]
    keys, total, clicks, squares, spread = _moments(shown, clicked)
    if not 0.0 < clicks < total:
        pull = sum(_DEFAULT)
        mean = (clicks + _DEFAULT[0]) / (total + pull)
        return mean * pull, (1.0 - mean) * pull
    mean = clicks / total
    extra = (spread - clicks * mean) / (mean * (1.0 - mean)) - (keys - 1)
    room = total - squares / total - (keys - 1)
    correlation = extra / room if room > 0.0 else 0.0
    pull = 1.0 / correlation - 1.0 if correlation > 0.0 else _MOST
    pull = min(max(pull, _LEAST), _MOST)
    return mean * pull, (1.0 - mean) * pull


@njit(cache=True, nogil=True)
def _moments(shown: F32, clicked: F32) -> tuple[float, float, float, float, float]:
    """Return keys that were shown, Σn, Σc, Σn² and Σc²/n, each summed in the order of the keys."""
    keys = total = clicks = squares = spread = 0.0
    for i in range(shown.size):
        n, c = np.float64(shown[i]), np.float64(clicked[i])
        if n > 0.0:
            keys += 1.0
            total += n
            clicks += c
            squares += n * n
            spread += c * c / n
    return keys, total, clicks, squares, spread


@njit(cache=True, nogil=True)
def smoothed(counts: F32, alpha: float, beta: float) -> F32:
    """Replace clicks by (clicks + alpha) / (impressions + alpha + beta). (k, 12) to (k, 12)"""
    out = np.empty_like(counts)
    width = counts.shape[1] // 2
    for i in range(counts.shape[0]):
        for w in range(width):
            out[i, w] = counts[i, w]
            out[i, width + w] = rate(counts[i, w], counts[i, width + w], alpha, beta)
    return out


@njit(cache=True, nogil=True)
def rate(shown: float, clicked: float, alpha: float, beta: float) -> np.float32:
    return np.float32((clicked + alpha) / (shown + (alpha + beta)))


@njit(cache=True, nogil=True)
def _grouped(codes: I32, by_row: F32, values: int) -> F32:
    """Sum the rows of each code, in order of the rows. (values + 1, 12); the last stays 0."""
    sums = np.zeros((values + 1, by_row.shape[1]), np.float64)
    for row in range(codes.size):
        if codes[row] >= 0:
            for j in range(by_row.shape[1]):
                sums[codes[row], j] += by_row[row, j]
    return sums.astype(np.float32)


def picked(block: F32, key: int, prior: tuple[float, float], window: int) -> tuple[float, float]:
    """Return impressions and smoothed rate of one key in a window; key -1 was never shown."""
    alpha, beta = prior
    counts = block[key] if key >= 0 else np.zeros(2 * len(WINDOWS), np.float32)
    shown, clicked = counts[window].item(), counts[len(WINDOWS) + window].item()
    return shown, float(rate(shown, clicked, alpha, beta))


def find_cell(cells: I64, lat: float, lon: float) -> int:
    """Return where the place's cell stands, -1 where nobody asked from there."""
    wanted = math.floor(float(cell_of(lat, lon)))
    at = int(np.searchsorted(cells, wanted))
    return at if at < cells.size and int(cells[at]) == wanted else -1
