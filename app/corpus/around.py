"""The words around single characters: who types 锅 finds 火锅 where 锅 alone is no word.

around.*        each character
around.words.*  int32: places among the terms of the words that hold it, in most documents first
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.corpus.ragged import Dictionary, Ragged
from app.corpus.text import HAN_RUN

MOST_WORDS = 32  # around one character: each is searched for
WORD_CHARACTERS = range(2, 9)


@dataclass(frozen=True, slots=True)
class Around:
    characters: Dictionary
    words: Ragged

    def find(self, character: str, documents: Documents) -> list[str]:
        """Return the words that hold a Chinese character, those of most documents first."""
        at = self.characters.find(character)
        words = self.words[at].tolist() if at >= 0 else []
        return [documents.terms.strings[word] for word in words]

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into `path`, a directory that exists."""
        self.characters.save(path / "around")
        self.words.save(path / "around.words")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what `save` wrote; nothing for a snapshot that was built before there was any."""
        if not (path / "around.words.offsets.npy").is_file():
            return cls(Dictionary.pack([]), Ragged.pack([], np.int32))
        return cls(Dictionary.open(path / "around"), Ragged.open(path / "around.words"))

    @classmethod
    def build(cls, documents: Documents) -> Self:
        """Read all terms of the documents: 1 s a million."""
        held = np.zeros(len(documents.terms), np.int64)
        for column in documents.tokens.values():
            held[: column.df.size] += column.df
        texts = list(documents.terms.strings)
        around: dict[str, list[int]] = {}
        for term in sorted(np.flatnonzero(held).tolist(), key=lambda t: (-held[t], texts[t])):
            text = texts[term]
            if len(text) in WORD_CHARACTERS and HAN_RUN.fullmatch(text):
                for character in dict.fromkeys(text):
                    words = around.setdefault(character, [])
                    if len(words) < MOST_WORDS:
                        words.append(term)
        return cls(Dictionary.pack(list(around)), Ragged.pack(around.values(), np.int32))
