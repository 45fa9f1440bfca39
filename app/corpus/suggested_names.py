"""The catalogue's names that may be suggested: categories, brands, tags, and titles.

suggest/
  …            see completions
  fields.npy   (names,) int8: place in PREFERENCE_FIELDS of the field that has it, -1: a title
  codes.npy    (names,) int32: its value there; of a title its first row
  counts.npy   (names,) int32: documents that bear it
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import orjson

from app.corpus.completions import Completions
from app.corpus.documents import Documents
from app.corpus.names import NAME, Names
from app.corpus.ragged import open_array, save_array
from app.corpus.text import normalise
from app.domain.arrays import F32, F64, I8, I32
from app.domain.user import PREFERENCE_FIELDS

MOST = 1_000_000  # names, the weightiest
CATEGORY = PREFERENCE_FIELDS.index("category")
TITLE = -1
LEAST, SPREAD = np.array([0.35, 0.1, 0.25, 0.15]), np.array([0.35, 0.3, 0.35, 0.35])
"""What a name is worth by its field, TITLE last: at least, and what being borne by many adds (of
a title, being popular). Queries, which people did type, go up to 1."""


@dataclass(frozen=True, slots=True)
class SuggestedNames:
    completions: Completions
    fields: I8
    codes: I32
    counts: I32

    def save(self, path: Path) -> None:
        """Write the files named on top of this module."""
        self.completions.save(path)
        for name in ("fields", "codes", "counts"):
            save_array(path / name, getattr(self, name))

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Map what `save` wrote; None for a snapshot that was built before there was any."""
        if not path.is_dir():
            return None
        arrays = (open_array(path / name) for name in ("fields", "codes", "counts"))
        return cls(Completions.open(path), *arrays)

    @classmethod
    def build(cls, names: Names, documents: Documents) -> Self:
        """Choose a catalogue's names. Fields that say what is asked for seldom are left out."""
        found = list(_chosen(names))
        fields = np.array([field for _, field, _ in found], np.int8)
        codes = np.array([code for _, _, code in found], np.int32)
        counts = np.array([names.counts[text] for text, _, _ in found], np.int32)
        weights = _weights(fields, codes, counts, documents)
        best = np.sort(np.argsort(-weights, kind="stable")[:MOST])
        normal = [found[i][0] for i in best.tolist()]
        shown = [_shown(documents, *found[i]) for i in best.tolist()]
        completions = Completions.build(shown, normal, weights[best])
        return cls(completions, fields[best], codes[best], counts[best])


def _chosen(names: Names) -> Iterator[tuple[str, int, int]]:
    """Yield names with the first of PREFERENCE_FIELDS that has each, and its code there."""
    place = {names.fields.index(f): i for i, f in enumerate(PREFERENCE_FIELDS) if f in names.fields}
    place[NAME] = TITLE
    for text, owners in names.owners.items():
        held = [
            (place[field], code)
            for field, code in zip(owners[::2], owners[1::2], strict=True)
            if field in place
        ]
        if held:
            yield text, *min(held, key=lambda one: (one[0] == TITLE, one))


def _weights(fields: I8, codes: I32, counts: I32, documents: Documents) -> F32:
    """Return how much each name is worth suggesting before anybody searched. (n,)"""
    share = np.log1p(counts) / np.log1p(counts.max(initial=1))
    titles = np.flatnonzero(fields == TITLE)
    share[titles] = np.maximum(_fame(documents)[codes[titles]], share[titles])
    return np.asarray(LEAST[fields] + SPREAD[fields] * share, np.float32)


def _fame(documents: Documents) -> F64:
    """Return the share of documents that are less popular than each; 0 where nothing says. (n,)"""
    fame = np.zeros(len(documents))
    if "popularity" in documents.numbers:
        popularity = documents.numbers["popularity"]
        known = np.flatnonzero(np.isfinite(popularity))
        ranked = np.sort(popularity[known])
        fame[known] = np.searchsorted(ranked, popularity[known]) / max(known.size, 1)
    return fame


def _shown(documents: Documents, text: str, field: int, code: int) -> str:
    """Return a name as the catalogue writes it, where that is the whole of it."""
    if field != TITLE:
        return documents.keywords[PREFERENCE_FIELDS[field]].names.strings[code]
    title = str(orjson.loads(documents.payload.raw(code)).get("title", ""))
    return title if normalise(title) == text else text
