"""What people type often: words that are right, and what somebody with a slip may have meant.

typed.*         each query in normal form, and each run of Chinese or word in letters within one
typed.people.*  int32: distinct people who typed it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.ragged import Dictionary, open_array, save_array
from app.corpus.text import HAN_RUN, RUNS
from app.domain.arrays import I32

MOST_TYPED = 100_000  # texts, those that most people typed
SHORTEST = 2  # characters: of less nobody can tell what it is
WORD_CHARACTERS = range(2, 7)  # of a query that may be one word


@dataclass(frozen=True, slots=True)
class Typed:
    texts: Dictionary  # what most people typed first
    people: I32

    def by(self, texts: Sequence[str]) -> I32:
        """Count who typed each of some texts, 0 where it is nothing that people type often."""
        found = self.texts.find_all(texts)
        counts = np.zeros(found.size, np.int32)
        counts[found >= 0] = self.people[found[found >= 0]]
        return counts

    def words(self) -> Counter[str]:
        """Return the words in letters with how many people typed each."""
        counted = zip(self.texts.strings, self.people.tolist(), strict=True)
        return Counter({t: n for t, n in counted if t.isalpha() and not HAN_RUN.search(t)})

    @classmethod
    def of(cls, queries: Mapping[str, int]) -> Self:
        """Take queries in normal form and how many people typed each.

        Who typed a part is at least as many as typed one query that has it.
        """
        people: dict[str, int] = {}
        for query, count in queries.items():
            for text in _parts(query):
                people[text] = max(people.get(text, 0), count)
        ranked = sorted(people.items(), key=lambda t: (-t[1], t[0]))[:MOST_TYPED]
        counts = np.array([count for _, count in ranked], np.int32)
        return cls(Dictionary.pack([text for text, _ in ranked]), counts)

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into `path`, a directory that exists."""
        self.texts.save(path / "typed")
        save_array(path / "typed.people", self.people)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what `save` wrote; nothing for a snapshot that was built before there was any."""
        if not (path / "typed.people.npy").is_file():
            return cls.of({})
        return cls(Dictionary.open(path / "typed"), open_array(path / "typed.people"))


def may_be_words(queries: Mapping[str, int]) -> frozenset[str]:
    """Return the queries that may each be one Chinese word, if titles write them so."""
    return frozenset(q for q in queries if len(q) in WORD_CHARACTERS and HAN_RUN.fullmatch(q))


def _parts(query: str) -> Iterator[str]:
    runs = (chinese or word for chinese, word in RUNS.findall(query))
    yield from (text for text in {query, *runs} if len(text) >= SHORTEST and not text.isdigit())
