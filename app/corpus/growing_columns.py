"""Columns of variable length and dictionaries that grow as `Growing` does, with views of their own.

A view is the immutable `Ragged`, `Strings` or `Dictionary` of the first n entries, so that nobody
who reads one knows that there will be more.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

import numpy as np

from app.corpus.growing import Growing
from app.corpus.ragged import Dictionary, Moves, Ragged, Strings
from app.domain.arrays import I32


class GrowingRagged:
    """A list of numbers, or of bytes, an entry."""

    def __init__(self, beginning: Ragged | Strings) -> None:
        self.offsets = Growing(beginning.offsets)
        self.values = Growing(beginning.values)

    def __len__(self) -> int:
        return self.offsets.size - 1

    def append(self, entries: Ragged | Strings) -> None:
        end = self.values.size
        self.values.append(entries.values)
        self.offsets.append(entries.offsets[1:] - entries.offsets[0] + end)

    def view(self, n: int) -> Ragged:
        """Return the first n entries."""
        offsets = self.offsets.view(n + 1)
        return Ragged(offsets, self.values.view(int(offsets[-1])))

    def strings(self, n: int) -> Strings:
        """Return the first n entries of a column of bytes."""
        entries = self.view(n)
        return Strings(entries.offsets, entries.values)


class GrowingDictionary:
    """string ↔ ordinal, where strings come, and move to another ordinal or go (ids do)."""

    def __init__(self, beginning: Dictionary) -> None:
        self._beginning = beginning
        self._strings = GrowingRagged(beginning.strings)
        self._came: list[int] = []  # the seq of each string behind the beginning, ascending
        self._moves: dict[str, list[tuple[int, int]]] = {}

    def add(self, texts: Sequence[str], seqs: Sequence[int]) -> None:
        """Append strings, each as of its seq: ascending. One that is there moves to the new end."""
        first = len(self._strings)
        self._strings.append(Strings.pack(texts))
        for ordinal, (text, seq) in enumerate(zip(texts, seqs, strict=True), first):
            insort(self._moves.setdefault(text, []), (seq, ordinal))
        self._came.extend(seqs)

    def remove(self, text: str, seq: int) -> None:
        """Let a string be unknown from this seq on; its ordinal is not given again."""
        insort(self._moves.setdefault(text, []), (seq, -1))

    def size(self, as_of: int) -> int:
        """Return how many strings there were."""
        return len(self._beginning) + bisect_right(self._came, as_of)

    def find_all(self, texts: Sequence[str]) -> I32:
        """Return the ordinals as they are now, -1 where absent. (m,)"""
        return self.view(np.iinfo(np.int64).max).find_all(texts)

    def view(self, as_of: int) -> Dictionary:
        """Return the dictionary as it was at that point of the log."""
        known = self._beginning
        moves = Moves(self._moves, as_of) if self._moves else None
        return Dictionary(self._strings.strings(self.size(as_of)), known.hashes, known.order, moves)
