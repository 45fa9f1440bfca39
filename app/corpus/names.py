"""The names of a catalogue in normal form, read once: keyword values and titles, with how many
documents bear each. What people type is looked up among them, and put right by them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import orjson

from app.corpus.documents import Documents
from app.corpus.schema import FieldType
from app.corpus.text import RUNS, normalise

NAME = -1
"""The field of a title, where others are places among the keyword fields."""

SHORTEST, LONGEST = 2, 24  # characters of a name
MOST_VALUES = 200_000  # of one field; beyond it the most frequent are known
_HEAD = re.compile(r"\s*[(\[|:：·—-]")


@dataclass(frozen=True, slots=True)
class Names:
    fields: tuple[str, ...]  # keyword fields
    owners: dict[str, list[int]]  # name → field, code, field, code …; of a title its first row
    counts: Counter[str]  # documents that bear the name
    words: Counter[str]  # words in letters that occur in names and titles of any length
    pairs: Counter[tuple[str, str]]  # two of them side by side

    @classmethod
    def read(cls, documents: Documents) -> Self:
        """Read every keyword value and title: 6 s a million titles."""
        fields = tuple(f.name for f in documents.schema.of_type(FieldType.KEYWORD))
        names = cls(fields, {}, Counter(), Counter(), Counter())
        for place, field in enumerate(fields):
            for code, text, count in _values(documents, field):
                names._add(text, place, code, count)
        for row, title in _titles(documents):
            names._count_words(title, 1)
            for text in dict.fromkeys((title, _HEAD.split(title, maxsplit=1)[0])):
                if is_name(text):
                    names._add_title(text, row)
        return names

    def _add(self, text: str, field: int, code: int, count: int) -> None:
        self.owners.setdefault(text, []).extend((field, code))
        self.counts[text] += count
        self._count_words(text, count)

    def _add_title(self, text: str, row: int) -> None:
        held = self.owners.setdefault(text, [])
        if NAME not in held[::2]:  # the first of that name stands for it
            held.extend((NAME, row))
        self.counts[text] += 1

    def share(self, others: Mapping[str, Sequence[str]]) -> None:
        """Let each text stand for the values that the others in its list stand for."""
        shared = {
            text: [*self._values_of(text), *(v for o in found for v in self._values_of(o))]
            for text, found in others.items()
        }
        borne = {
            text: max(self.counts[o] for o in (text, *found)) for text, found in others.items()
        }
        for text, values in shared.items():
            titles = [v for v in _pairs(self.owners.get(text, [])) if v[0] == NAME]
            held = dict.fromkeys((*values, *titles))
            self.owners[text] = [number for value in held for number in value]
            self._count_words(text, borne[text])

    def _values_of(self, text: str) -> list[tuple[int, int]]:
        return [v for v in _pairs(self.owners.get(text, [])) if v[0] != NAME]

    def _count_words(self, text: str, count: int) -> None:
        before = ""
        for _, word in RUNS.findall(text):
            is_word = word.isalpha() and len(word) >= SHORTEST
            if is_word:
                self.words[word] += count
            if is_word and before:
                self.pairs[before, word] += count
            before = word if is_word else ""


def _pairs(owners: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(owners[::2], owners[1::2], strict=True))


def is_name(text: str) -> bool:
    """Tell whether a person could type this and mean it."""
    return SHORTEST <= len(text) <= LONGEST and any(c.isalpha() for c in text)


def _values(documents: Documents, field: str) -> Iterator[tuple[int, str, int]]:
    """Yield the values of a field with their codes and how many documents hold each."""
    column = documents.keywords[field]
    held = column.postings.lengths
    codes = np.arange(len(column.names))
    if codes.size > MOST_VALUES:
        codes = np.sort(np.argsort(-held, kind="stable")[:MOST_VALUES])
    for code in codes.tolist():
        text = normalise(column.names.strings[code])
        if is_name(text):
            yield code, text, int(held[code])


def _titles(documents: Documents) -> Iterator[tuple[int, str]]:
    for row in range(len(documents)):
        yield row, normalise(str(orjson.loads(documents.payload.raw(row)).get("title", "")))
