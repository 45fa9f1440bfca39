"""Texts by how they sound, and what a guess at one of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from app.corpus.ragged import Dictionary, Ragged
from app.domain.arrays import I32

NAMES_A_KEY = 8


class Guess(NamedTuple):
    text: str
    borne: int  # by so many documents, or typed by so many people
    slips: int  # letters inserted, left out, changed or swapped


@dataclass(frozen=True, slots=True)
class Heard:
    """From a key to the names that it may stand for."""

    keys: Dictionary
    names: Ragged  # entries of each key: a name's in the lexicon, or behind them of what is typed

    @classmethod
    def of(cls, chosen: Iterable[tuple[int, str]], spell: Callable[[str], list[str]]) -> Self:
        """Index entries, most borne first, by what `spell` makes of their text."""
        held: dict[str, list[int]] = {}
        for entry, text in chosen:
            for key in spell(text):
                names = held.setdefault(key, [])
                if len(names) < NAMES_A_KEY:
                    names.append(entry)
        return cls(Dictionary.pack(list(held)), Ragged.pack(held.values(), np.int32))

    def entries(self, key: str) -> I32:
        at = self.keys.find(key)
        entries: I32 = self.names[at] if at >= 0 else np.empty(0, np.int32)
        return entries

    def save(self, keys_path: Path, names_path: Path) -> None:
        self.keys.save(keys_path)
        self.names.save(names_path)

    @classmethod
    def open(cls, keys_path: Path, names_path: Path) -> Self:
        return cls(Dictionary.open(keys_path), Ragged.open(names_path))
