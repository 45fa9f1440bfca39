"""Which inputs lie side by side, a column each of one array: those are copied all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from app.domain.arrays import F32, Array
from app.features.list_inputs import bests
from app.features.lookup import Inputs
from app.features.text_match import FIELD_MATCHES
from app.snapshot.tables import COUNTERS

Places: TypeAlias = npt.NDArray[np.uintp]
"""Places without a sign: a kernel need not ask whether they count from the end."""


class Layout(NamedTuple):
    """What decides which column is whose."""

    texts: Mapping[str, int]
    numbers: Mapping[str, int]
    codes: Mapping[str, int]
    channels: tuple[str, ...]

    @classmethod
    def of(cls, lookup: Inputs) -> Self:
        store = lookup.ctx.snapshot.documents.rows
        return cls(
            store.text_fields, store.number_fields, store.code_fields, lookup.candidates.channels
        )

    @property
    def places(self) -> Mapping[str, int]:
        """Channel → where it stands among `channels`."""
        return {name: place for place, name in enumerate(self.channels)}

    def is_of(self, lookup: Inputs) -> bool:
        """Tell at once: views of a snapshot have its very places."""
        store = lookup.ctx.snapshot.documents.rows
        return (
            self.texts is store.text_fields
            and self.numbers is store.number_fields
            and self.codes is store.code_fields
            and self.channels == lookup.candidates.channels
        )


class Gathered(Mapping[str, Any]):
    """Inputs by name, each looked up when it is first read, with those that lie side by side."""

    def __init__(self, names: tuple[str, ...], lookup: Inputs) -> None:
        self.names, self.lookup = names, lookup

    def __getitem__(self, name: str) -> Any:
        return self.lookup.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def block(self, name: str) -> Array:
        """Return (n, k) values; `place_of` says which column is whose."""
        lookup = self.lookup
        match name:
            case "text":
                return lookup.records.text.reshape(lookup.rows.size, -1)
            case "numbers":
                return lookup.heads[0].T
            case "lengths":
                return lookup.records.lengths
            case "affinities":
                return lookup.records.affinities
            case "intents":
                return lookup.intents
            case "scores":
                return lookup.candidates.scores
        return lookup.candidates.ranks

    def tall(self, base: str) -> Array:
        """Return an input of all fields at once: (k, n) columns, or (k, 1) scalars; see TALL."""
        match base:
            case "pair_bm25":
                return self.lookup.records.bm25
            case "hit_score":
                return self.lookup.said.scores
        return bests(self.lookup, base)[:, np.newaxis]


TALL: Mapping[str, str] = {
    "pair_bm25": "texts",
    "list_best_bm25": "texts",
    "hit_score": "channels",
    "list_best_hit": "channels",
}
"""Inputs that are there for all fields at once, and what those are."""


def place_of(layout: Layout, name: str) -> tuple[str, int] | None:
    """Return the block and the column of an input, None for one that stands alone."""
    base, _, field = name.removesuffix("]").partition("[")
    kind, _, what = base.partition("_")
    if kind == "doc" and not field and what not in COUNTERS:
        base, field = "doc_number", what
    match = what if kind == "pair" and what in FIELD_MATCHES else None
    block, fields = ("text", layout.texts) if match else _fields(layout, base)
    if field not in fields:
        return None
    column = fields[field]
    return block, column * len(FIELD_MATCHES) + FIELD_MATCHES.index(match) if match else column


def _fields(layout: Layout, base: str) -> tuple[str, Mapping[str, int]]:
    """Return the block of such inputs, and the place of each field in it."""
    match base:
        case "doc_number":
            return "numbers", layout.numbers
        case "doc_length":
            return "lengths", layout.texts
        case "pair_affinity":
            return "affinities", layout.codes
        case "pair_intent":
            return "intents", layout.codes
    blocks = {"hit_score": "scores", "hit_rank": "ranks"}
    return (blocks[base], layout.places) if base in blocks else ("", {})


@njit(cache=True, nogil=True)
def lay(block: Any, columns: Places, out: F32, targets: Places) -> None:
    """Copy columns of a block to columns of the matrix, a row at a time."""
    for i in range(out.shape[0]):
        for j in range(columns.size):
            out[i, targets[j]] = block[i, columns[j]]
