"""Texts that may be suggested, found by what somebody has typed of them so far.

texts.*        as shown
keys.*         every way to begin typing each, ascending, see completion_keys
entries.npy    (keys,) int32: the text of each key
kinds.npy      (keys,) uint8
tree.npy       (2 × keys,) float32: maxima of the keys' weights, see completion_search
places.*       int32: the keys of each text
weights.npy    (texts,) float32: how popular each is, 0 to 1
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from app.corpus.completion_keys import WIDTH, WORTH, Keys
from app.corpus.completion_search import (
    Ranges,
    best_among,
    best_in,
    max_tree,
    prefix_range,
    slip_ranges,
)
from app.corpus.pinyin import keys as sounds_of
from app.corpus.ragged import Ragged, Strings, frozen, open_array, save_array
from app.corpus.text import HAN_RUN
from app.domain.arrays import F32, I32, I64, U8, Array

FEW_LETTERS = 4  # from here on one slip is forgiven
_SOUNDS = re.compile(
    "(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])?(?:i(?:ang|ong|an|ao)|u(?:ang|an|ai)|[aeio]ng|[aeiu]n|[aeiou][aiou]"
    "|[uv]e|ie|er|[aeiouv])|[a-z0-9]"
)
"""One sound as pinyin spells it, or the letter that stands for it."""


class Found(NamedTuple):
    """Texts, one entry each. (f,)"""

    entries: I32
    kinds: U8  # of the key that each was found by, see completion_keys
    weights: F32  # of each, less what the kind of key takes off

    def joined(self, other: Found) -> Found:
        return Found(
            np.concatenate([self.entries, other.entries]),
            np.concatenate([self.kinds, other.kinds]),
            np.concatenate([self.weights, other.weights]),
        )


@dataclass(frozen=True, slots=True)
class Completions:
    texts: Strings
    keys: Strings
    entries: I32
    kinds: U8
    tree: F32
    places: Ragged
    weights: F32

    def __len__(self) -> int:
        return len(self.texts)

    def find(self, typed: str) -> Iterator[Ranges]:
        """Yield where the keys of texts stand that begin so, as typed and as it sounds.

        `typed` is in normal form; of nothing everything is the beginning.
        """
        if not typed:
            yield np.array([[0, self.entries.size]], np.int64)
            return
        for text in _plain_ways(typed):
            yield self._beginning(text)

    def find_abbreviated(self, typed: str) -> Iterator[Ranges]:
        """Yield where texts may stand of whose sounds some were typed by their first letter alone:
        haidl, hdlao, 海dl. Not all of them begin so; `covered` tells which.
        """
        heads = _heads(typed)
        if heads:
            yield self._beginning(heads)

    def find_slipped(self, typed: str) -> Iterator[Ranges]:
        """Yield where texts stand that begin so but for one slip: a letter, or the right sound."""
        for text in _heard_ways(typed):
            yield self._beginning(text)
        if len(typed) >= FEW_LETTERS and typed.isascii():
            yield slip_ranges(self.keys.offsets, self.keys.values, _raw(typed))

    def _beginning(self, text: str) -> Ranges:
        found: Ranges = prefix_range(self.keys.offsets, self.keys.values, _raw(text))
        return found

    def best(self, ranges: Ranges, k: int) -> Found:
        """Return the k heaviest texts of a find, heaviest first."""
        return self._at(best_in(self.tree, self.entries, ranges, k))

    def among(self, ranges: Ranges, chosen: I32) -> Found:
        """Return those of the chosen texts that a find holds."""
        offsets, values = self.places.offsets, self.places.values
        places = best_among(self.tree, offsets, values, chosen, ranges)
        return self._at(places[places >= 0])

    def _at(self, places: I64) -> Found:
        weights = self.tree[self.entries.size + places]
        return Found(self.entries[places], self.kinds[places], weights)

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into `path`, a directory made here."""
        path.mkdir(parents=True)
        self.texts.save(path / "texts")
        self.keys.save(path / "keys")
        self.places.save(path / "places")
        for name in ("entries", "kinds", "tree", "weights"):
            save_array(path / name, getattr(self, name))

    @classmethod
    def open(cls, path: Path) -> Self:
        return cls(
            Strings.open(path / "texts"),
            Strings.open(path / "keys"),
            open_array(path / "entries"),
            open_array(path / "kinds"),
            open_array(path / "tree"),
            Ragged.open(path / "places"),
            open_array(path / "weights"),
        )

    @classmethod
    def build(cls, texts: Sequence[str], normal: Sequence[str], weights: Array) -> Self:
        """Index texts as shown by their normal forms. `weights` are 0 to 1. (n,)"""
        keys, weights = Keys.of(normal), weights.astype(np.float32)
        worth = weights[keys.entries] * np.array(WORTH, np.float32)[keys.kinds]
        counts = np.bincount(keys.entries, minlength=len(texts))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        places = np.argsort(keys.entries, kind="stable").astype(np.int32)
        strings = Strings(frozen(keys.strings.offsets), frozen(keys.strings.values))
        return cls(
            Strings.pack(texts), strings, frozen(keys.entries), keys.kinds,
            frozen(max_tree(worth)), Ragged(frozen(offsets), frozen(places)), weights,
        )  # fmt: skip


def covered(text: str, typed: str) -> tuple[int, int] | None:
    """Return what of a text was typed: first character and one past the last; None: cannot be told.

    Both are in normal form. Han characters that were typed stand in the text as they are.
    """
    at = text.find(typed)
    if at == 0 or (at > 0 and not text[at - 1].isalnum()):
        return at, at + len(typed)
    reached = {"".join(typed.split()): 0}  # what is left to be explained → characters that explain
    for end, character in enumerate(text, 1):
        reached = {rest: end for left in reached for rest in _rests(left, character)}
        if "" in reached:
            return 0, end
    return None


def _rests(left: str, character: str) -> Iterator[str]:
    """Yield what is left of something typed once a character stands for its beginning."""
    if not character.isalnum():
        yield left
    elif left.startswith(character):
        yield left[1:]
    elif HAN_RUN.match(character):
        for sound in sounds_of(character):
            if left[:1] == sound[0]:
                yield left[1:]
            if left.startswith(sound) or sound.startswith(left):
                yield left[len(sound) :]


def _plain_ways(typed: str) -> list[str]:
    """Return what to look up: the text, itself without spaces, and its sound where letters mix."""
    joined = "".join(c for c in typed if c.isalnum())
    ways = [typed, joined]
    if HAN_RUN.search(joined) and not HAN_RUN.fullmatch(joined):
        ways += sounds_of(joined)
    return [way for way in dict.fromkeys(ways) if way]


def _heads(typed: str) -> str:
    """Return the first letters of what was typed as sounds; "" where that tells nothing new."""
    joined = "".join(c for c in typed if c.isalnum())
    spelled = "".join(sounds_of(c)[0] if HAN_RUN.match(c) else c for c in joined)
    sounds = _SOUNDS.findall(spelled)
    heads = "".join(sound[0] for sound in sounds)
    return heads if len(sounds) > 1 and heads != spelled and spelled.isascii() else ""


def _heard_ways(typed: str) -> list[str]:
    """Return how Chinese characters sound: perhaps others that sound alike were meant."""
    return sounds_of(typed) if len(typed) > 1 and HAN_RUN.fullmatch(typed) else []


def _raw(text: str) -> U8:
    return np.frombuffer(text.encode()[:WIDTH], np.uint8)
