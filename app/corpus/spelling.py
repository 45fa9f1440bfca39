"""What somebody meant who typed a name by its sound or with a slip: huoguo, hg, restaraunt.

spelling/
  sounds.*    how names sound (huoguo); sounding.*: the names of each, most borne first
  roughly.*   the same without what the south does not tell apart;  alike.*: the names of each
  initials.*  their first letters (hg);  beginning.*: the names of each
  words.*     words in letters, most frequent first; words.counts.npy
  pairs.*     two words in letters that stand side by side in names and titles, written as one
  apart.npy   where the second begins
  english.*   words that are right whether the catalogue has them or not
  typed.*     what people type often, see typed.py; it is known by its sound behind the names
  titles.*    words of titles that are no names, see title_words.py
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import extract_iter

from app.corpus.english import english_words
from app.corpus.heard import Guess, Heard
from app.corpus.lexicon import Lexicon
from app.corpus.names import Names
from app.corpus.pinyin import initials, keys, rough, rough_keys
from app.corpus.ragged import Dictionary, Strings, open_array, save_array
from app.corpus.text import HAN_RUN
from app.corpus.title_words import TitleWords
from app.corpus.typed import Typed
from app.domain.arrays import I32

MOST_NAMES = 100_000  # whose sounds are known, the most borne ones
MOST_WORDS = 200_000
MOST_PAIRS = 200_000
LONGEST_NAME = 8  # characters; longer ones nobody types by sound
FEW_LETTERS, MANY_LETTERS = 4, 8  # from here on one slip is forgiven, and two
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


class Shelf(NamedTuple):
    words: list[str]
    counts: list[int]


@dataclass(frozen=True, slots=True)
class Spelling:
    lexicon: Lexicon
    sounds: Heard
    roughly: Heard
    shorts: Heard
    words: Strings
    counts: I32
    pairs: Dictionary
    apart: I32  # of each pair
    english: Dictionary
    typed: Typed
    titles: TitleWords
    shelves: Mapping[tuple[int, str], Shelf]  # words by length and first letter

    def by_sound(self, key: str) -> list[Guess]:
        """Return the names that sound so, most borne first, then what most people type so."""
        return [self._guess(entry) for entry in self.sounds.entries(key).tolist()]

    def by_rough_sound(self, key: str) -> list[Guess]:
        """Return the names that sound so to who says z for zh and n for l, most borne first."""
        return [self._guess(entry) for entry in self.roughly.entries(rough(key)).tolist()]

    def by_initials(self, key: str) -> list[Guess]:
        """Return the names whose sounds begin so, most borne first."""
        return [self._guess(entry) for entry in self.shorts.entries(key).tolist()]

    def by_letters(self, word: str) -> list[Guess]:
        """Return words within a slip or two, nearest first; none for a word too short to tell.

        A word that names or synonyms have comes first itself; what is only typed may be a slip.
        """
        most = 0 if len(word) < FEW_LETTERS else 1 if len(word) < MANY_LETTERS else 2
        found = []
        for shelf in self._near_shelves(word, most) if most else ():
            near = extract_iter(word, shelf.words, scorer=OSA.distance, score_cutoff=most)
            found += [Guess(text, shelf.counts[at], int(slips)) for text, slips, at in near]
        if self.typed.by((word,)).any():
            found = [guess for guess in found if guess.slips]
        return sorted(found, key=lambda g: (g.slips, not _is_next_key(word, g.text), -g.borne))

    def as_two(self, word: str) -> str | None:
        """Return the two words that the catalogue writes apart, as icecream."""
        at = self.pairs.find(word)
        cut = int(self.apart[at]) if at >= 0 else 0
        return f"{word[:cut]} {word[cut:]}" if cut else None

    def is_named(self, word: str) -> bool:
        """Tell whether a name or title has the word, be its field searched or not.

        What is typed as well may be how people mistype it, and is not looked at here.
        """
        shelf = self.shelves.get((len(word), word[0]))
        return shelf is not None and word in shelf.words and not self.typed.by((word,)).any()

    def is_english(self, word: str) -> bool:
        return self.english.find(word) >= 0

    def _near_shelves(self, word: str, most: int) -> Iterator[Shelf]:
        """Words of such a length that begin alike, or with the key beside or the next letter."""
        for length in range(len(word) - most, len(word) + most + 1):
            for first in sorted(_neighbours(word[0]) | {word[0], word[1]}):
                shelf = self.shelves.get((length, first))
                if shelf is not None:
                    yield shelf

    def _guess(self, entry: int) -> Guess:
        of_typed = entry - len(self.lexicon.texts)
        if of_typed >= 0:
            return Guess(self.typed.texts.strings[of_typed], int(self.typed.people[of_typed]), 0)
        return Guess(self.lexicon.texts[entry], int(self.lexicon.counts[entry]), 0)

    def save(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.sounds.save(path / "sounds", path / "sounding")
        self.roughly.save(path / "roughly", path / "alike")
        self.shorts.save(path / "initials", path / "beginning")
        self.words.save(path / "words")
        save_array(path / "words.counts", self.counts)
        self.pairs.save(path / "pairs")
        save_array(path / "apart", self.apart)
        self.english.save(path / "english")
        self.typed.save(path)
        self.titles.save(path)

    @classmethod
    def open(cls, path: Path, lexicon: Lexicon) -> Self:
        words, counts = Strings.open(path / "words"), open_array(path / "words.counts")
        return cls(
            lexicon,
            Heard.open(path / "sounds", path / "sounding"),
            Heard.open(path / "roughly", path / "alike"),
            Heard.open(path / "initials", path / "beginning"),
            words,
            counts,
            Dictionary.open(path / "pairs"),
            open_array(path / "apart"),
            Dictionary.open(path / "english"),
            Typed.open(path),
            TitleWords.open(path),
            _shelve(words, counts),
        )

    @classmethod
    def build(cls, names: Names, lexicon: Lexicon, typed: Typed, titles: TitleWords) -> Self:
        """Learn how the catalogue's names and what people type sound, and the words of both.

        2 s for 100,000 names.
        """
        ranked = np.argsort(-lexicon.counts, kind="stable")
        chosen = _audible((int(e), lexicon.texts[int(e)]) for e in ranked)[:MOST_NAMES]
        also = ((e, t) for e, t in enumerate(typed.texts.strings) if t not in names.owners)
        heard = chosen + _audible((len(lexicon.texts) + e, t) for e, t in also)
        counted = (names.words | typed.words()).items()
        frequent = sorted(counted, key=lambda w: (-w[1], w[0]))[:MOST_WORDS]
        words = Strings.pack(word for word, _ in frequent)
        counts = np.array([count for _, count in frequent], np.int32)
        pairs = _as_one(names.pairs)
        return cls(
            lexicon,
            Heard.of(heard, keys),
            Heard.of(chosen, rough_keys),
            Heard.of(chosen, initials),
            words,
            counts,
            Dictionary.pack(list(pairs)),
            np.array(list(pairs.values()), np.int32),
            Dictionary.pack(english_words()),
            typed,
            titles,
            _shelve(words, counts),
        )


def _audible(entries: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Choose what somebody may type by its sound."""
    return [(e, t) for e, t in entries if len(t) <= LONGEST_NAME and HAN_RUN.search(t)]


def _as_one(pairs: Counter[tuple[str, str]]) -> dict[str, int]:
    """Return the most frequent pairs written as one word, with where the second begins."""
    frequent = sorted(pairs.items(), key=lambda p: (-p[1], p[0]))[:MOST_PAIRS]
    cuts: dict[str, int] = {}
    for (first, second), _ in frequent:
        cuts.setdefault(first + second, len(first))
    return cuts


def _shelve(words: Strings, counts: I32) -> dict[tuple[int, str], Shelf]:
    shelves: dict[tuple[int, str], Shelf] = {}
    for word, count in zip(words, counts.tolist(), strict=True):
        shelf = shelves.setdefault((len(word), word[0]), Shelf([], []))
        shelf.words.append(word)
        shelf.counts.append(count)
    return shelves


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
