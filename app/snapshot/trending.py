"""What rises against its own past: queries and documents, everywhere and by area.

trending/
  texts.*  documents.*      queries as typed; ids of documents
  queries/  chosen/         a `Rising` of each
  after.*                   int32 documents chosen after each query, the most chosen first
  until.npy                 (1,) int64 epoch ms: where the last window ends
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.ragged import Ragged, Strings, open_array, save_array
from app.domain.arrays import F32, I32, I64

EVERYWHERE = -1
"""The area of all events, with a place or without."""

_ARRAYS = ("areas", "items", "people", "expected", "scores")


@dataclass(frozen=True, slots=True)
class Rising:
    """One entry an area and item, by area and then by falling score. (r,)"""

    areas: I64  # EVERYWHERE, or as area_of numbers them: what happens in it and around it
    items: I32  # code of the query or document
    people: I32  # distinct, in the last window
    expected: F32  # people, from the windows before
    scores: F32  # standard deviations above what is expected

    def of(self, area: int) -> slice:
        """Return where the entries of an area stand."""
        low, high = np.searchsorted(self.areas, [area, area + 1]).tolist()
        return slice(low, high)

    def save(self, path: Path) -> None:
        path.mkdir()
        for name in _ARRAYS:
            save_array(path / name, getattr(self, name))

    @classmethod
    def open(cls, path: Path) -> Self:
        return cls(*(open_array(path / name) for name in _ARRAYS))


@dataclass(frozen=True, slots=True)
class Trending:
    texts: Strings
    documents: Strings
    queries: Rising
    chosen: Rising
    after: Ragged
    until_ms: int

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into `path`, a directory made here."""
        path.mkdir()
        self.texts.save(path / "texts")
        self.documents.save(path / "documents")
        self.after.save(path / "after")
        self.queries.save(path / "queries")
        self.chosen.save(path / "chosen")
        save_array(path / "until", np.array([self.until_ms], np.int64))

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Map what `save` wrote; None for tables that were built before there was any."""
        if not path.is_dir():
            return None
        return cls(
            Strings.open(path / "texts"),
            Strings.open(path / "documents"),
            Rising.open(path / "queries"),
            Rising.open(path / "chosen"),
            Ragged.open(path / "after"),
            int(open_array(path / "until")[0]),
        )
