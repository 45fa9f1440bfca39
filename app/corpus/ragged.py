"""Variable-length data as two flat arrays, memory-mapped: strings, and lists of numbers.

NAME.offsets.npy   (n + 1,) int64
NAME.values.npy    the entries one after another; UTF-8 bytes for strings
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.corpus.string_keys import find_key, find_keys, hash64, hashes_of, key_of, keys_of
from app.domain.arrays import I32, I64, U8, U64, Array, Rows


def save_array(path: Path, values: Array) -> None:
    """Write PATH.npy, C order, no pickle."""
    np.save(path.with_name(path.name + ".npy"), np.ascontiguousarray(values), allow_pickle=False)


def open_array(path: Path) -> Array:
    """Map PATH.npy read-only. A plain ndarray: np.memmap makes each small index 5 × dearer."""
    file = path.with_name(path.name + ".npy")
    if file.stat().st_size <= 128:  # a header and nothing else cannot be mapped
        return frozen(np.load(file, allow_pickle=False))
    return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))


def frozen(values: Array) -> Array:
    """Make an array read-only, as mapped ones are: kernels compile once a type."""
    values.flags.writeable = False
    return values


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

    def raw_of(self, rows: Rows) -> list[bytes]:
        """Return some entries at once. Plain memory views: a page is too short for NumPy calls."""
        offsets, values = self.offsets.data, self.values.data
        return [values[offsets[row] : offsets[row + 1]].tobytes() for row in rows.tolist()]

    def of(self, rows: Rows) -> tuple[str, ...]:
        """Return some strings at once."""
        return tuple([raw.decode() for raw in self.raw_of(rows)])

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    @classmethod
    def pack(cls, texts: Iterable[str | bytes]) -> Strings:
        encoded = [t.encode() if isinstance(t, str) else t for t in texts]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(e) for e in encoded], out=offsets[1:])
        return cls(frozen(offsets), np.frombuffer(b"".join(encoded), np.uint8))

    def save(self, path: Path) -> None:
        Ragged(self.offsets, self.values).save(path)

    @classmethod
    def open(cls, path: Path) -> Strings:
        ragged = Ragged.open(path)
        return cls(ragged.offsets, ragged.values)


@dataclass(frozen=True, slots=True)
class Moves:
    """Where strings stand that came, moved or went later, as of one point of the document log."""

    of: Mapping[str, Sequence[tuple[int, int]]]  # (seq, ordinal) by seq; ordinal -1: gone
    as_of: int

    def find(self, text: str) -> int | None:
        """Return the ordinal or -1; None where nothing happened to the string until then."""
        for seq, ordinal in reversed(self.of.get(text, ())):
            if seq <= self.as_of:
                return ordinal
        return None


@dataclass(frozen=True, slots=True)
class Dictionary:
    """string ↔ ordinal without building a Python dict: sorted hashes and a binary search."""

    strings: Strings  # (n,)
    hashes: U64  # (b,) ascending, of the first b strings; the others stand in `moves`
    order: I32  # (b,) ordinal of each hash
    moves: Moves | None = None  # what happened since the hashes were sorted

    def __len__(self) -> int:
        return len(self.strings)

    def find(self, text: str) -> int:
        """Return the ordinal, or -1."""
        if self.moves is not None and (moved := self.moves.find(text)) is not None:
            return moved
        held = self.strings
        at: int = find_key(self.hashes, self.order, held.offsets, held.values, key_of(text))
        return at

    def find_all(self, texts: Sequence[str]) -> I32:
        """Return the ordinals of many strings at once, -1 where absent. (m,)

        Equal hashes are told apart by comparing the strings.
        """
        if not texts:
            return np.empty(0, np.int32)
        found = self._found(texts)
        return found if self.moves is None else self._moved(texts, found, self.moves)

    def _found(self, texts: Sequence[str]) -> I32:
        held, keys = self.strings, keys_of(texts)
        found: I32 = find_keys(self.hashes, self.order, held.offsets, held.values, keys, len(texts))
        return found

    def join(self, others: Dictionary) -> I32:
        """Return, for each ordinal of `others`, our ordinal of the same string or -1. (m,)

        Compares 64-bit hashes alone: 10⁶ strings on both sides collide once in 10⁷ joins.
        """
        out = np.full(len(others), -1, np.int32)
        if self.hashes.size and others.hashes.size:
            at = np.minimum(np.searchsorted(self.hashes, others.hashes), self.hashes.size - 1)
            same = self.hashes[at] == others.hashes
            out[others.order[same]] = self.order[at[same]]
        for ordinal in range(others.order.size, len(others)):
            out[ordinal] = self.find(others.strings[ordinal])
        for text in list(self.moves.of) if self.moves else ():
            if (ordinal := others.find(text)) >= 0:
                out[ordinal] = self.find(text)
        return out

    def all_hashes(self) -> U64:
        """Return the hash of each string, by ordinal. (n,)"""
        hashes = np.empty(len(self), np.uint64)
        hashes[self.order] = self.hashes
        for ordinal in range(self.order.size, len(self)):
            hashes[ordinal] = hash64(self.strings[ordinal])
        return hashes

    @staticmethod
    def _moved(texts: Sequence[str], found: I32, moves: Moves) -> I32:
        for i, text in enumerate(texts):
            ordinal = moves.find(text)
            if ordinal is not None:
                found[i] = ordinal
        return found

    @classmethod
    def pack(cls, texts: Sequence[str]) -> Dictionary:
        return cls._packed(texts, np.fromiter((hash64(t) for t in texts), np.uint64, len(texts)))

    @classmethod
    def pack_few(cls, texts: Sequence[str]) -> Dictionary:
        """Pack strings that were looked up just now: their hashes are remembered."""
        return cls._packed(texts, hashes_of(texts))

    @classmethod
    def _packed(cls, texts: Sequence[str], hashes: U64) -> Dictionary:
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        return cls(Strings.pack(texts), frozen(hashes[order]), frozen(order))

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
