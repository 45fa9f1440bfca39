"""Which inputs lie side by side, a column each of one array: those are read all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple, Self

import numpy as np

from app.domain.arrays import F32, F64
from app.features.list_inputs import bests
from app.features.lookup import Inputs
from app.features.memory_pass import REMEMBERED
from app.features.program import Place, Sources
from app.features.text_match import FIELD_MATCHES
from app.snapshot.counters import WINDOWS
from app.snapshot.tables import COUNTERS

_COUNTERS = {name: place for place, name in enumerate(COUNTERS)}
_REMEMBERED = {f"pair_{name}": place for place, name in enumerate(REMEMBERED)}
_WINDOWS = {name: place for place, name in enumerate(WINDOWS)}
_RATES = {name: place + len(WINDOWS) for name, place in _WINDOWS.items()}
_OF_MEMORY = {"counters", "sums", "pairs", "times"}
_OF_RECORDS = {"text", "lengths", "affinities", "numbers"}
_NO_COLUMNS, _NO_NUMBERS = np.empty((0, 0), np.float32), np.empty((0, 0), np.float64)
_NOTHING, _NO_TIMES = np.empty(0, np.float32), np.empty(0, np.float64)


COLUMNS = frozenset(
    ("text", "lengths", "affinities", "intents", "counters", "scores", "sums", "pairs")
)
"""Sources with many columns, all float32."""


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

    def sources(self, reads: Set[str], alone: F64, scalars: F64, constants: F64) -> Sources:
        """Return those sources that are read, with these for what stands alone."""
        lookup = self.lookup
        text = lengths = affinities = _NO_COLUMNS
        numbers, best_bm25, best_hits = _NO_NUMBERS, _NOTHING, _NOTHING
        if not _OF_RECORDS.isdisjoint(reads):
            records = lookup.records
            text, lengths, affinities = flat(records.text), records.lengths, records.affinities
            numbers = records.numbers
        counters, sums, pairs, times = _NO_COLUMNS, _NO_COLUMNS, _NO_COLUMNS, _NO_TIMES
        if not _OF_MEMORY.isdisjoint(reads):
            memory = lookup.memory
            counters, sums = memory.counters, memory.sums
            pairs, times = memory.pairs, memory.times_ms
        if "best_bm25" in reads:
            best_bm25 = bests(lookup, "list_best_bm25")
        if "best_hits" in reads:
            best_hits = bests(lookup, "list_best_hit")
        return Sources(
            text, lengths, affinities, lookup.intents if "intents" in reads else _NO_COLUMNS,
            counters,
            lookup.candidates.scores, lookup.candidates.ranks, numbers, sums, pairs, times,
            _NO_COLUMNS, alone, scalars, best_bm25, best_hits, constants,
        )  # fmt: skip


def place_of(layout: Layout, name: str) -> Place | None:
    """Return where an input stands, None for one that stands alone."""
    base, _, field = name.removesuffix("]").partition("[")
    kind, _, what = base.partition("_")
    if kind == "doc" and not field:
        base, field = ("doc_counter" if what in COUNTERS else "doc_number"), what
    if base in _REMEMBERED and not field:
        return Place("sums", _REMEMBERED[base])
    if base == "pair_user_time_ms" and not field:
        return Place("times", 0, is_wide=True)
    match = what if kind == "pair" and what in FIELD_MATCHES else None
    block, fields = ("text", layout.texts) if match else _fields(layout, base)
    if field not in fields:
        return None
    column = fields[field]
    if match:
        column = column * len(FIELD_MATCHES) + FIELD_MATCHES.index(match)
    return Place(block, column, block == "numbers")


def _fields(layout: Layout, base: str) -> tuple[str, Mapping[str, int]]:
    """Return where such inputs stand, and the place of each field there."""
    match base:
        case "doc_number":
            return "numbers", layout.numbers
        case "doc_counter":
            return "counters", _COUNTERS
        case "doc_length":
            return "lengths", layout.texts
        case "list_best_bm25":
            return "best_bm25", layout.texts
        case "pair_affinity":
            return "affinities", layout.codes
        case "pair_window_impressions":
            return "pairs", _WINDOWS
        case "pair_window_ctr":
            return "pairs", _RATES
        case "pair_intent":
            return "intents", layout.codes
    of_channels = {"hit_score": "scores", "hit_rank": "ranks", "list_best_hit": "best_hits"}
    return (of_channels[base], layout.places) if base in of_channels else ("", {})


def flat(block: F32) -> F32:
    """Return (n, a, b) as (n, a · b)."""
    n, a, b = block.shape
    return block.reshape(n, a * b)
