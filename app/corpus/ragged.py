"""Variable-length data as two flat arrays, memory-mapped: strings, and lists of numbers.

NAME.offsets.npy   (n + 1,) int64
NAME.values.npy    the entries one after another; UTF-8 bytes for strings
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.domain.arrays import I32, I64, U8, U64, Array


def save_array(path: Path, values: Array) -> None:
    """Write PATH.npy, C order, no pickle."""
    np.save(path.with_name(path.name + ".npy"), np.ascontiguousarray(values), allow_pickle=False)


def open_array(path: Path) -> Array:
    """Map PATH.npy read-only. A plain ndarray: np.memmap makes each small index 5 × dearer."""
    file = path.with_name(path.name + ".npy")
    if file.stat().st_size <= 128:  # a header and nothing else cannot be mapped
        empty: Array = np.load(file, allow_pickle=False)
        return empty
    return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))


@dataclass(frozen=True, slots=True)
class Ragged:
    """A list of numbers an entry: entry i is values[offsets[i]:offsets[i + 1]]."""

    offsets: I64  # (n + 1,)
    values: Array  # (total,)

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, i: int) -> Array:
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    @property
    def lengths(self) -> I64:
        return np.diff(self.offsets)

    def take(self, keep: I64) -> Ragged:
        """Copy some entries, in the order given."""
        lengths = self.lengths[keep]
        offsets = np.zeros(keep.size + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(offsets, self.values[np.repeat(self.offsets[keep], lengths) + within])

    @classmethod
    def pack(cls, entries: Iterable[Sequence[float]], dtype: type[np.generic]) -> Ragged:
        lists = list(entries)
        offsets = np.zeros(len(lists) + 1, np.int64)
        np.cumsum([len(entry) for entry in lists], out=offsets[1:])
        flat = [value for entry in lists for value in entry]
        return cls(offsets, np.array(flat, dtype))

    def save(self, path: Path) -> None:
        save_array(path.with_name(path.name + ".offsets"), self.offsets)
        save_array(path.with_name(path.name + ".values"), self.values)

    @classmethod
    def open(cls, path: Path) -> Ragged:
        return cls(
            open_array(path.with_name(path.name + ".offsets")),
            open_array(path.with_name(path.name + ".values")),
        )


@dataclass(frozen=True, slots=True)
class Strings:
    """A column of strings (or of raw bytes, see `raw`)."""

    offsets: I64  # (n + 1,)
    values: U8  # UTF-8

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, i: int) -> str:
        return self.raw(i).decode()

    def raw(self, i: int) -> bytes:
        return self.values[self.offsets[i] : self.offsets[i + 1]].tobytes()

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    @classmethod
    def pack(cls, texts: Iterable[str | bytes]) -> Strings:
        encoded = [t.encode() if isinstance(t, str) else t for t in texts]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(e) for e in encoded], out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(encoded), np.uint8))

    def save(self, path: Path) -> None:
        Ragged(self.offsets, self.values).save(path)

    @classmethod
    def open(cls, path: Path) -> Strings:
        ragged = Ragged.open(path)
        return cls(ragged.offsets, ragged.values)


def hash64(text: str) -> int:
    """A stable 64-bit hash; Python's own differs from process to process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class Dictionary:
    """string ↔ ordinal without building a Python dict: sorted hashes and a binary search."""

    strings: Strings  # (n,)
    hashes: U64  # (n,) ascending
    order: I32  # (n,) ordinal of each hash

    def __len__(self) -> int:
        return len(self.strings)

    def find(self, text: str) -> int:
        """Return the ordinal, or -1. Equal hashes are told apart by comparing the strings."""
        wanted = hash64(text)
        at = int(np.searchsorted(self.hashes, np.uint64(wanted)))
        while at < self.hashes.size and int(self.hashes[at]) == wanted:
            ordinal = int(self.order[at])
            if self.strings[ordinal] == text:
                return ordinal
            at += 1
        return -1

    def find_all(self, texts: Sequence[str]) -> I32:
        """Return the ordinals of many strings at once, -1 where absent. (m,)"""
        found = np.full(len(texts), -1, np.int32)
        if not self.hashes.size:
            return found
        wanted = np.fromiter((hash64(t) for t in texts), np.uint64, len(texts))
        at = np.searchsorted(self.hashes, wanted)
        near = np.minimum(at, self.hashes.size - 1)
        for i in np.flatnonzero(self.hashes[near] == wanted).tolist():
            ordinal, text = int(self.order[near[i]]), texts[i]
            is_it = self.strings.raw(ordinal) == text.encode()
            found[i] = ordinal if is_it else self.find(text)
        return found

    def join(self, others: Dictionary) -> I32:
        """Return, for each ordinal of `others`, our ordinal of the same string or -1. (m,)

        Compares 64-bit hashes alone: 10⁶ strings on both sides collide once in 10⁷ joins.
        """
        out = np.full(len(others), -1, np.int32)
        if len(self) and len(others):
            at = np.minimum(np.searchsorted(self.hashes, others.hashes), self.hashes.size - 1)
            same = self.hashes[at] == others.hashes
            out[others.order[same]] = self.order[at[same]]
        return out

    @classmethod
    def pack(cls, texts: Sequence[str]) -> Dictionary:
        hashes = np.fromiter((hash64(t) for t in texts), np.uint64, len(texts))
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        return cls(Strings.pack(texts), hashes[order], order)

    def save(self, path: Path) -> None:
        self.strings.save(path)
        save_array(path.with_name(path.name + ".hashes"), self.hashes)
        save_array(path.with_name(path.name + ".order"), self.order)

    @classmethod
    def open(cls, path: Path) -> Dictionary:
        return cls(
            Strings.open(path),
            open_array(path.with_name(path.name + ".hashes")),
            open_array(path.with_name(path.name + ".order")),
        )
