"""What a release was trained on, so that a later one can be held against it fairly.

seen.npz in a release
  held_out   (a,) uint64, keys of the lists that the twin was trained on
  released   (b,) uint64, keys of the lists that model.txt was trained on

A key is the hash of the request id for a list from a log, of the text for a judged query, for one
text asked twice is one question. A release trained again on all lists (`split.refit`) has seen the
lists that it was measured on; its twin `held_out.txt`, the model that was measured, has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.corpus.string_keys import hash64
from app.domain.arrays import U64, Bools
from app.offline.judged import Judged

FILE = "seen.npz"


@dataclass(frozen=True, slots=True)
class Seen:
    """Keys of the lists behind a release and behind its twin."""

    held_out: U64  # (a,)
    released: U64  # (b,)

    @classmethod
    def of(cls, held_out: Iterable[Judged], released: Iterable[Judged]) -> Seen:
        return cls(keys(held_out), keys(released))

    def save(self, built: Path) -> None:
        np.savez(built / FILE, held_out=self.held_out, released=self.released)

    @classmethod
    def open(cls, release: Path) -> Seen | None:
        """None where the release does not say: it was written before this was kept."""
        if not (release / FILE).is_file():
            return None
        with np.load(release / FILE, allow_pickle=False) as stored:
            return cls(stored["held_out"], stored["released"])


def keys(judged: Iterable[Judged]) -> U64:
    return np.array([hash64(j.qid if j.is_timed else j.request.text) for j in judged], np.uint64)


def untouched(release: Path, built_at_ms: int, judged: Sequence[Judged]) -> Bools:
    """Which lists a release was surely not trained on, by its record or else by its age. (q,)"""
    seen = Seen.open(release)
    if seen is not None:
        return unseen(judged, seen.released)
    return np.array([j.is_timed and j.now_ms > built_at_ms for j in judged], np.bool_)


def unseen(judged: Iterable[Judged], seen: U64) -> Bools:
    """Which lists a model that has seen these may be judged by. (q,)"""
    return np.isin(keys(judged), seen, invert=True)
