"""Which inputs lie side by side, a column each of one array: those are copied all at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from app.domain.arrays import F32, Array
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
    channels = {name: place for place, name in enumerate(layout.channels)}
    return {"hit_score": ("scores", channels), "hit_rank": ("ranks", channels)}.get(base, ("", {}))


class Copy(NamedTuple):
    """Columns of one block, and the columns of the matrix that they become."""

    block: str
    columns: Places
    targets: Places


class Alone(NamedTuple):
    """Inputs and features that no block holds, and the columns of the matrix that they become."""

    names: tuple[str, ...]
    columns: Places  # 0, 1, 2 …
    targets: Places


class Plan(NamedTuple):
    """Where each column of a matrix comes from."""

    copies: tuple[Copy, ...]
    alone: Alone
    inputs: tuple[str, ...]  # that are looked up by name


def plan_of(
    layout: Layout | None, names: Mapping[int, str], reads: Collection[str], inputs: Collection[str]
) -> Plan:
    """`names`: column of the matrix → input or feature. `reads`: what features read.

    Without a layout each stands alone.
    """
    blocks: dict[str, list[tuple[int, int]]] = {}
    alone: dict[int, str] = {}
    for target, name in names.items():
        found = None if layout is None else place_of(layout, name)
        if found is None:
            alone[target] = name
        else:
            blocks.setdefault(found[0], []).append((found[1], target))
    copies = tuple(Copy(block, *_columns(pairs)) for block, pairs in blocks.items())
    places = Alone(tuple(alone.values()), _places(range(len(alone))), _places(alone))
    wanted = {*reads, *alone.values()}
    return Plan(copies, places, tuple(name for name in inputs if name in wanted))


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[Places, Places]:
    return _places(c for c, _ in pairs), _places(t for _, t in pairs)


def _places(of: Iterable[int]) -> Places:
    return np.array([*of], np.uintp)


@njit(cache=True, nogil=True)
def lay(block: Any, columns: Places, out: F32, targets: Places) -> None:
    """Copy columns of a block to columns of the matrix, a row at a time."""
    for i in range(out.shape[0]):
        for j in range(columns.size):
            out[i, targets[j]] = block[i, columns[j]]
