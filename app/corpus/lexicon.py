"""The catalogue's own names: every keyword value and every title, found inside a query's text.

lexicon/
  texts.*      each distinct name in normal form
  hashes.npy   uint64, ascending: a rolling hash of each
  order.npy    int32: the text of each hash
  owners.*     int32 pairs (field, code) of each text; the field NAME is a title, its code a row
  counts.npy   int32: documents that bear each
  synonyms.json  what is searched for beside a text; a text takes on the owners of its synonyms

A text is looked up from each place in the query that begins a word, by a hash that rolls on with
every character (Karp & Rabin 1987): all names in a query of ten characters take some 10 µs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.names import LONGEST, NAME, Names
from app.corpus.ragged import Ragged, Strings, open_array, save_array
from app.corpus.schema import FieldType
from app.corpus.string_keys import first_from, same_bytes
from app.corpus.synonyms import Synonyms
from app.domain.arrays import I32, I64, U8, U64, Array, Bools

SYNONYMS = "synonyms.json"
LOOKED_AT = 128  # characters of a query: who pastes a page names nothing
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, with bits all over: 2⁶⁴ ÷ the golden ratio


class Found(NamedTuple):
    """A name that stands in a text."""

    start: int
    end: int
    text: str
    options: tuple[tuple[str, int], ...]  # field and code of the values that are called so
    title_row: int  # the first document that is called so, -1 where none is


@dataclass(frozen=True, slots=True)
class Lexicon:
    fields: tuple[str, ...]  # keyword fields; an owner's field is a place here
    texts: Strings
    hashes: U64
    order: I32
    owners: Ragged
    counts: I32
    synonyms: Synonyms

    def find(self, text: str) -> list[Found]:
        """Find every name in a text in normal form, overlapping ones too, by start and then end.

        A name in letters or digits stands between words; a Chinese one may stand anywhere.
        """
        text = text[:LOOKED_AT]
        spans = _spans(
            _points(text), np.frombuffer(text.encode("utf-8", "replace"), np.uint8),
            self.hashes, self.order, self.texts.offsets, self.texts.values,
            self.owners.offsets, LONGEST,
        )  # fmt: skip
        return [
            Found(start, end, text[start:end], *self._owners(first, last))
            for start, end, first, last in spans.tolist()
        ]

    def _owners(self, first: int, last: int) -> tuple[tuple[tuple[str, int], ...], int]:
        """Tell values from titles among the owners that stand there."""
        numbers = self.owners.values[first:last].tolist()
        options, title_row = [], -1
        for field, code in zip(numbers[::2], numbers[1::2], strict=True):
            if field != NAME:
                options.append((self.fields[field], code))
            elif title_row < 0:
                title_row = code
        return tuple(options), title_row

    def save(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.texts.save(path / "texts")
        save_array(path / "hashes", self.hashes)
        save_array(path / "order", self.order)
        self.owners.save(path / "owners")
        save_array(path / "counts", self.counts)
        self.synonyms.save(path / SYNONYMS)

    @classmethod
    def open(cls, path: Path, documents: Documents) -> Lexicon:
        """Map what `save` wrote for these documents."""
        return cls(
            tuple(f.name for f in documents.schema.of_type(FieldType.KEYWORD)),
            Strings.open(path / "texts"),
            open_array(path / "hashes"),
            open_array(path / "order"),
            Ragged.open(path / "owners"),
            open_array(path / "counts"),
            Synonyms.open(path / SYNONYMS),
        )

    @classmethod
    def build(cls, names: Names, synonyms: Synonyms) -> Lexicon:
        """Index names, which the synonyms share already."""
        texts = list(names.owners)
        hashes = np.array([_hash(_points(t)) for t in texts], np.uint64)
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        owners = Ragged.pack(names.owners.values(), np.int32)
        counts = np.array([names.counts[t] for t in texts], np.int32)
        return cls(
            names.fields, Strings.pack(texts), hashes[order], order, owners, counts, synonyms
        )


def _points(text: str) -> Array:
    """Return the code points. (characters,) uint32"""
    return np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)


@njit(cache=True, nogil=True)
def _hash(points: Array) -> np.uint64:
    value = np.uint64(0)
    for point in points:
        value = (value + np.uint64(point) + np.uint64(1)) * _FACTOR
    return value


@njit(cache=True, nogil=True)
def _breaks(points: Array) -> Bools:
    """Tell before which characters a name may begin or end. (characters + 1,)"""
    out = np.ones(points.size + 1, np.bool_)
    for i in range(1, points.size):
        out[i] = not (_is_letter(points[i - 1]) and _is_letter(points[i]))
    return out


@njit(cache=True, nogil=True)
def _is_letter(point: int) -> bool:
    """Letters and digits that make words by standing together; Chinese characters do not."""
    return 48 <= point <= 57 or 97 <= point <= 122 or 0xC0 <= point < 0x2E80


@njit(cache=True, nogil=True)
def _spans(
    points: Array, raw: U8, hashes: U64, order: I32, starts: I64, texts: U8, owners: I64,
    longest: int,
) -> Array:  # fmt: skip
    """Return start, end and the owners' first and last place of all names. (m, 4)

    points, raw: the same text as characters and as UTF-8; starts, texts: of the names
    """
    out, size, breaks, at = np.empty((64, 4), np.int64), 0, _breaks(points), _places(points)
    for start in range(points.size):
        if not breaks[start]:
            continue
        value = np.uint64(0)
        for end in range(start + 1, min(start + longest, points.size) + 1):
            value = (value + np.uint64(points[end - 1]) + np.uint64(1)) * _FACTOR
            if not breaks[end]:
                continue
            place = first_from(hashes, value)
            while place < hashes.size and hashes[place] == value:
                entry = order[place]
                bytes_ = starts[entry + 1] - starts[entry]
                is_as_long = bytes_ == at[end] - at[start]  # a hash may lie
                if is_as_long and same_bytes(texts, starts[entry], raw, at[start], bytes_):
                    if size == len(out):
                        out = np.concatenate((out, np.empty_like(out)))
                    out[size] = start, end, owners[entry], owners[entry + 1]
                    size += 1
                place += 1
    return out[:size]


@njit(cache=True, nogil=True)
def _places(points: Array) -> I64:
    """Return where each character begins in UTF-8. (characters + 1,)"""
    at = np.zeros(points.size + 1, np.int64)
    for i in range(points.size):
        point = points[i]
        at[i + 1] = at[i] + 1 + (point >= 0x80) + (point >= 0x800) + (point >= 0x10000)
    return at
