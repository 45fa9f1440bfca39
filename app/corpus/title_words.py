"""Chinese words inside titles that are no names by themselves, by how they sound: dishini, 迪士尼.

titles.sounds.*  how they sound;  titles.words.*: the places of each sound's words, most borne first
titles.texts.*   the words;  titles.borne.npy  int32: titles that have each
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from pypinyin import lazy_pinyin

from app.corpus.documents import Documents
from app.corpus.heard import Guess, Heard
from app.corpus.ragged import Strings, open_array, save_array
from app.corpus.text import HAN_RUN
from app.domain.arrays import I32

MOST_WORDS = 100_000  # those in most titles
CHARACTERS = range(2, 9)
LEAST_TITLES = 2  # in one title alone a word may be a slip
_FILES = ("titles.sounds", "titles.words", "titles.texts", "titles.borne")


@dataclass(frozen=True, slots=True)
class TitleWords:
    heard: Heard
    texts: Strings
    borne: I32

    def by_sound(self, key: str) -> list[Guess]:
        """Return the words that sound so, those in most titles first."""
        entries = self.heard.entries(key).tolist()
        return [Guess(self.texts[entry], int(self.borne[entry]), 0) for entry in entries]

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into `path`, a directory that exists."""
        sounds, words, texts, borne = (path / name for name in _FILES)
        self.heard.save(sounds, words)
        self.texts.save(texts)
        save_array(borne, self.borne)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what `save` wrote; nothing for a snapshot that was built before there was any."""
        sounds, words, texts, borne = (path / name for name in _FILES)
        if not borne.with_name(f"{borne.name}.npy").is_file():
            return cls.of([])
        return cls(Heard.open(sounds, words), Strings.open(texts), open_array(borne))

    @classmethod
    def build(cls, documents: Documents, names: Container[str]) -> Self:
        """Read the words of all titles that are no names: 3 s for 100,000."""
        title = documents.tokens.get("title")
        df = np.empty(0, np.int32) if title is None else title.df
        frequent = np.flatnonzero(df >= LEAST_TITLES)
        ranked = frequent[np.argsort(-df[frequent], kind="stable")].tolist()
        terms = documents.terms.strings
        words = ((terms[term], int(df[term])) for term in ranked)
        chosen = (w for w in words if _is_word(w[0]) and w[0] not in names)
        return cls.of(list(islice(chosen, MOST_WORDS)))

    @classmethod
    def of(cls, words: list[tuple[str, int]]) -> Self:
        """Index words with how many titles have each, most first."""
        heard = Heard.of(((at, word) for at, (word, _) in enumerate(words)), _as_read)
        borne = np.array([count for _, count in words], np.int32)
        return cls(heard, Strings.pack(word for word, _ in words), borne)


def _as_read(word: str) -> list[str]:
    """Return how a word is read, by a dictionary of words: of 重庆 chongqing alone."""
    return ["".join(lazy_pinyin(word))]


def _is_word(text: str) -> bool:
    return len(text) in CHARACTERS and HAN_RUN.fullmatch(text) is not None
