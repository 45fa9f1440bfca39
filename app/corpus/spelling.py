"""What somebody meant who typed a name by its sound or with a slip: huoguo, hg, restaraunt.

spelling/
  sounds.*    how names sound (huoguo); sounding.*: the names of each, most borne first
  initials.*  their first letters (hg);  beginning.*: the names of each
  words.*     words in letters, most frequent first; words.counts.npy
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from rapidfuzz.distance import OSA

from app.corpus.lexicon import Lexicon
from app.corpus.names import Names
from app.corpus.pinyin import initials, keys
from app.corpus.ragged import Dictionary, Ragged, Strings, open_array, save_array
from app.corpus.text import HAN_RUN
from app.domain.arrays import I32

MOST_NAMES = 100_000  # whose sounds are known, the most borne ones
MOST_WORDS = 200_000
LONGEST_NAME = 8  # characters; longer ones nobody types by sound
NAMES_A_KEY = 8
FEW_LETTERS, MANY_LETTERS = 4, 8  # from here on one slip is forgiven, and two
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


class Guess(NamedTuple):
    text: str
    borne: int  # by so many documents
    slips: int  # letters inserted, left out, changed or swapped


@dataclass(frozen=True, slots=True)
class Heard:
    """From a key to the names that it may stand for."""

    keys: Dictionary
    names: Ragged  # lexicon entries of each key

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


@dataclass(frozen=True, slots=True)
class Spelling:
    lexicon: Lexicon
    sounds: Heard
    shorts: Heard
    words: Strings
    counts: I32
    shelves: Mapping[tuple[int, str], I32]  # words by length and first letter

    def by_sound(self, key: str) -> list[Guess]:
        """Return the names that sound so, most borne first."""
        return [self._guess(entry) for entry in self.sounds.entries(key).tolist()]

    def by_initials(self, key: str) -> list[Guess]:
        """Return the names whose sounds begin so, most borne first."""
        return [self._guess(entry) for entry in self.shorts.entries(key).tolist()]

    def by_letters(self, word: str) -> list[Guess]:
        """Return words within a slip or two, nearest first; none for a word too short to tell."""
        most = 0 if len(word) < FEW_LETTERS else 1 if len(word) < MANY_LETTERS else 2
        found = []
        for place in self._near_shelves(word, most) if most else ():
            other = self.words[place]
            slips = OSA.distance(word, other, score_cutoff=most)
            if slips <= most:
                found.append(Guess(other, int(self.counts[place]), slips))
        return sorted(found, key=lambda g: (g.slips, not _is_next_key(word, g.text), -g.borne))

    def _near_shelves(self, word: str, most: int) -> Iterator[int]:
        """Words of such a length that begin alike, or with the key beside or the next letter."""
        for length in range(len(word) - most, len(word) + most + 1):
            for first in _neighbours(word[0]) | {word[0], word[1]}:
                shelf = self.shelves.get((length, first))
                yield from () if shelf is None else shelf.tolist()

    def _guess(self, entry: int) -> Guess:
        return Guess(self.lexicon.texts[entry], int(self.lexicon.counts[entry]), 0)

    def save(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.sounds.save(path / "sounds", path / "sounding")
        self.shorts.save(path / "initials", path / "beginning")
        self.words.save(path / "words")
        save_array(path / "words.counts", self.counts)

    @classmethod
    def open(cls, path: Path, lexicon: Lexicon) -> Self:
        words = Strings.open(path / "words")
        return cls(
            lexicon,
            Heard.open(path / "sounds", path / "sounding"),
            Heard.open(path / "initials", path / "beginning"),
            words,
            open_array(path / "words.counts"),
            _shelve(words),
        )

    @classmethod
    def build(cls, names: Names, lexicon: Lexicon) -> Self:
        """Learn how the catalogue's names sound and which words it uses. 2 s for 100,000 names."""
        ranked = np.argsort(-lexicon.counts, kind="stable")
        audible = ((int(e), lexicon.texts[int(e)]) for e in ranked)
        chosen = [(e, t) for e, t in audible if len(t) <= LONGEST_NAME and HAN_RUN.search(t)]
        del chosen[MOST_NAMES:]
        frequent = sorted(names.words.items(), key=lambda w: (-w[1], w[0]))[:MOST_WORDS]
        words = Strings.pack(word for word, _ in frequent)
        counts = np.array([count for _, count in frequent], np.int32)
        sounds, shorts = Heard.of(chosen, keys), Heard.of(chosen, initials)
        return cls(lexicon, sounds, shorts, words, counts, _shelve(words))


def _shelve(words: Strings) -> dict[tuple[int, str], I32]:
    shelves: dict[tuple[int, str], list[int]] = {}
    for place, word in enumerate(words):
        shelves.setdefault((len(word), word[0]), []).append(place)
    return {key: np.array(places, np.int32) for key, places in shelves.items()}


def _neighbours(letter: str) -> set[str]:
    """Return the keys beside a letter's on a QWERTY keyboard."""
    for row in _ROWS:
        at = row.find(letter)
        if at >= 0:
            return set(row[max(at - 1, 0) : at + 2])
    return set()


def _is_next_key(word: str, other: str) -> bool:
    """Tell whether the words differ by keys struck beside the right ones."""
    return len(word) == len(other) and all(
        a == b or b in _neighbours(a) for a, b in zip(word, other, strict=True)
    )
