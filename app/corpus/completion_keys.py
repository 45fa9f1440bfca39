"""The ways to begin typing a text: as it reads, as it sounds, by first letters, from a later word.

    海底捞 hotpot   →   海底捞 hotpot · haidilaohotpot · hdlhotpot · hotpot

Keys are UTF-8 of at most WIDTH bytes: who typed so much gets what begins with that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.pinyin import readings
from app.corpus.ragged import Strings
from app.domain.arrays import I32, I64, U8, U64, Array

WIDTH = 48  # bytes of a key
TEXT, SOUND, INITIALS, INNER, OTHER = range(5)
WORTH = (1.0, 0.9, 0.8, 0.6, 0.5)
"""Of a text found by each kind of key, against one found by its beginning."""

_MOST = 10  # keys of one text
_WORDS = 3  # from which a text may be typed, beside the first
_FLIPS = 2  # characters of a text that are also tried with their second reading
_SOUND_BYTES = 8
_AT_ONCE = 50_000  # texts


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key of every text, ascending by bytes. (m,) each"""

    strings: Strings
    entries: I32  # the text of each
    kinds: U8  # TEXT, SOUND, …; OTHER: with a character's second reading

    @classmethod
    def of(cls, texts: Sequence[str]) -> Keys:
        """Spell texts in normal form. 10 s and 500 MiB a million."""
        values, sizes, entries, kinds = _all_spelled(texts)
        offsets = _offsets(sizes)
        order = _ascending(offsets, values)
        packed = _offsets(sizes[order])
        strings = Strings(packed, _gathered(offsets, values, order, packed))
        return cls(strings, entries[order], kinds[order])


def _all_spelled(texts: Sequence[str]) -> tuple[Array, ...]:
    """Return what `_spelled` does, some texts at a time, without the padding."""
    parts = []
    for first in range(0, max(len(texts), 1), _AT_ONCE):
        raw, sizes, entries, kinds = _spelled(texts[first : first + _AT_ONCE])
        values = raw[np.arange(WIDTH) < sizes[:, None]]
        parts.append((values, sizes, entries + np.int32(first), kinds))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _offsets(sizes: U8) -> I64:
    offsets = np.zeros(sizes.size + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def _ascending(offsets: I64, values: U8) -> I64:
    """Return the order of keys by bytes; equal ones stay as they came. Eight bytes at a time, the
    last first, so that one word a key is in memory.
    """
    order = np.arange(offsets.size - 1)
    for depth in range(WIDTH - 8, -1, -8):
        order = order[np.argsort(_words(offsets, values, order, depth), kind="stable")]
    return order


@njit(cache=True, nogil=True)
def _words(offsets: I64, values: U8, order: I64, depth: int) -> U64:
    """Return eight bytes of each key from a depth on, big-endian, padded with zeros."""
    out = np.zeros(order.size, np.uint64)
    for i in range(order.size):
        start, end = offsets[order[i]] + depth, offsets[order[i] + 1]
        for j in range(8):
            out[i] <<= np.uint64(8)
            if start + j < end:
                out[i] |= np.uint64(values[start + j])
    return out


@njit(cache=True, nogil=True)
def _gathered(offsets: I64, values: U8, order: I64, packed: I64) -> U8:
    """Return the keys one after another in a new order; `packed` are their new offsets."""
    out = np.empty(packed[-1], np.uint8)
    for i in range(order.size):
        start, end = offsets[order[i]], offsets[order[i] + 1]
        out[packed[i] : packed[i + 1]] = values[start:end]
    return out


def _spelled(texts: Sequence[str]) -> tuple[U8, U8, I32, U8]:
    """Return keys (m, WIDTH), their sizes, texts and kinds, in the order of the texts."""
    joined = "".join(texts)
    points = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    used, codes = np.unique(points, return_inverse=True)
    characters = [chr(point) for point in used.tolist()]
    sounds = [readings(c) for c in characters]
    spaced = np.array([not c.isalnum() for c in characters], np.bool_)
    heard = np.array([s[0] != c and s[0] != "" for s, c in zip(sounds, characters, strict=True)])
    tables = (
        _padded(characters), _padded([s[0] for s in sounds]), _padded([s[-1] for s in sounds])
    )  # fmt: skip
    found: tuple[U8, U8, I32, U8] = _spell(offsets, codes, *tables, heard.astype(np.bool_), spaced)
    return found


def _padded(texts: Sequence[str]) -> U8:
    """Return UTF-8 in rows that begin with their length. (n, 1 + _SOUND_BYTES)"""
    rows = np.zeros((len(texts), 1 + _SOUND_BYTES), np.uint8)
    for row, text in zip(rows, texts, strict=True):
        raw = text.encode()[:_SOUND_BYTES]
        row[0], row[1 : 1 + len(raw)] = len(raw), np.frombuffer(raw, np.uint8)
    return rows


@njit(cache=True, nogil=True)
def _put(key: U8, size: int, row: U8, most: int) -> int:
    """Append a row of `_padded`, at most so many bytes of it. Returns the new size."""
    for j in range(min(row[0], most)):
        if size < key.size:
            key[size] = row[1 + j]
            size += 1
    return size


@njit(cache=True, nogil=True)
def _is_new(raw: U8, sizes: U8, first: int, at: int) -> bool:
    """Tell whether the key in row `at` differs from those of the same text before it."""
    if sizes[at] == 0:
        return False
    for other in range(first, at):
        same = sizes[other] == sizes[at]
        for j in range(sizes[at] if same else 0):
            same = same and raw[other, j] == raw[at, j]
        if same:
            return False
    return True


@njit(cache=True, nogil=True)
def _spell(
    offsets: Array, codes: Array, plain: U8, usual: U8, other: U8, heard: Array, spaced: Array
) -> tuple[U8, U8, I32, U8]:
    most = (offsets.size - 1) * _MOST
    raw, sizes = np.zeros((most + 1, WIDTH), np.uint8), np.zeros(most + 1, np.uint8)
    entries, kinds = np.empty(most + 1, np.int32), np.empty(most + 1, np.uint8)
    at = 0
    for i in range(offsets.size - 1):
        here, first, words = codes[offsets[i] : offsets[i + 1]], at, 0
        for start in range(here.size):
            is_word = start > 0 and spaced[here[start - 1]] and not spaced[here[start]]
            if start > 0 and not (is_word and words < _WORDS):
                continue
            words += is_word
            raw[at], size = 0, 0
            for code in here[start:]:
                size = _put(raw[at], size, plain[code], _SOUND_BYTES)
            sizes[at], entries[at], kinds[at] = size, i, INNER if start else TEXT
            at += _is_new(raw, sizes, first, at)
        flips, flipped = 0, -1
        while True:
            for kind in (SOUND, INITIALS):
                raw[at], size = 0, 0
                for place in range(here.size):
                    code = here[place]
                    row = other[code] if place == flipped else usual[code]
                    is_letter = kind == INITIALS and heard[code]
                    size = _put(raw[at], size, row, 1 if is_letter else _SOUND_BYTES)
                sizes[at], entries[at] = size, i
                kinds[at] = kind if flipped < 0 else OTHER
                at += _is_new(raw, sizes, first, at)
            flipped += 1
            while flipped < here.size and not _differs(usual[here[flipped]], other[here[flipped]]):
                flipped += 1
            flips += 1
            if flipped >= here.size or flips > _FLIPS:
                break
    return raw[:at], sizes[:at], entries[:at], kinds[:at]


@njit(cache=True, nogil=True)
def _differs(one: U8, other: U8) -> bool:
    differs = False
    for j in range(one.size):
        differs |= one[j] != other[j]
    return differs
