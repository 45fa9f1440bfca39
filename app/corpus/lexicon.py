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
NOBODY = -2
"""The field of a name that is there for its synonyms alone."""

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
        owned = _spans(
            np.frombuffer(text.encode("utf-8", "replace"), np.uint8), self.hashes, self.order,
            self.texts.offsets, self.texts.values, self.owners.offsets, self.owners.values, LONGEST,
        )  # fmt: skip
        names: dict[tuple[int, int], tuple[list[tuple[str, int]], list[int]]] = {}
        for start, end, field, code in owned.tolist():
            values, titles = names.setdefault((start, end), ([], []))
            if field >= 0:
                values.append((self.fields[field], code))
            elif field == NAME:
                titles.append(code)
        return [
            Found(start, end, text[start:end], tuple(values), titles[0] if titles else -1)
            for (start, end), (values, titles) in names.items()
        ]

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
    raw: U8, hashes: U64, order: I32, starts: I64, texts: U8, owned: I64, owners: I32, longest: int
) -> Array:
    """Return start, end, field and code of each owner of all names, NOBODY where none has. (m, 4)

    raw: the text in UTF-8; starts, texts: of the names; owned, owners: their owners
    """
    points, at = _characters(raw)
    out, size, breaks = np.empty((16, 4), np.int64), 0, _breaks(points)
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
                    first, last = owned[entry], owned[entry + 1]
                    while size + max(last - first, 2) // 2 > len(out):
                        out = np.concatenate((out, np.empty_like(out)))
                    out[size] = start, end, NOBODY, NOBODY
                    for i in range(first, last, 2):
                        field, code = np.int64(owners[i]), np.int64(owners[i + 1])
                        out[size + (i - first) // 2] = start, end, field, code
                    size += max(last - first, 2) // 2
                place += 1
    return out[:size]


@njit(cache=True, nogil=True)
def _characters(raw: U8) -> tuple[Array, I64]:
    """Return the code points of UTF-8 that is whole, (characters,) uint32, and where each begins.

    The places have one more behind them, where the text ends. (characters + 1,)
    """
    points, at, size, end = np.empty(raw.size, np.uint32), np.zeros(raw.size + 1, np.int64), 0, 0
    while end < raw.size:
        lead = raw[end]
        more = (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
        point = np.uint32(lead & (0x7F if more == 0 else 0x3F >> more))
        for i in range(end + 1, end + 1 + more):
            point = (point << np.uint32(6)) | np.uint32(raw[i] & 0x3F)
        points[size] = point
        end += 1 + more
        size += 1
        at[size] = end
    return points[:size], at[: size + 1]
