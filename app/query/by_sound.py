"""Words in letters that are a name by their sound, typed in one or apart: haidilao, hai di lao.

Names of the catalogue come first and what people type behind them, then words inside titles, then
names that sound so to who does not tell z from zh.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.corpus.heard import Guess
from app.snapshot.snapshot import Snapshot

SHORTEST_SOUND = 4  # letters of a word that may be a name by its sound
SURELY_SOUNDS = 3  # as in di shi ni: fewer are alike by chance (huawei, 华威), or English words
CLEARLY = 3  # times as usual, and as the next that sounds so, is a word in titles of fewer sounds
LONG_SOUND = 5  # letters of a sound that may be meant roughly
USUAL = 0.01  # a name or word that more than USUAL · √documents bear may be meant roughly


class Change(NamedTuple):
    start: int
    end: int
    text: str


class Word(NamedTuple):
    start: int
    end: int
    text: str
    is_known: bool  # stands in some document
    is_right: bool  # or in a name, or is English
    is_sound: bool  # may be one character's pinyin


def by_sound(words: Sequence[Word], snapshot: Snapshot) -> Change | None:
    """Find the most of the first words that are together a name by its sound."""
    for find in (_named, _in_titles, _roughly):
        for count in range(len(words), 0, -1):
            chosen = words[:count]
            text = find(chosen, "".join(w.text for w in chosen), snapshot)
            if text is not None:
                return Change(words[0].start, words[count - 1].end, text)
    return None


def _named(words: Sequence[Word], sound: str, snapshot: Snapshot) -> str | None:
    if len(sound) < SHORTEST_SOUND or not _may_be_sound(words):
        return None
    for guess in snapshot.spelling.by_sound(sound)[:1]:
        if len(words) == 1 or is_usual(guess, snapshot):
            return guess.text
    return None


def _may_be_sound(words: Sequence[Word]) -> bool:
    """One word must be none; of several that are words, each must be a sound: yan qing qu."""
    if len(words) == 1:
        return not words[0].is_right
    return not all(w.is_right for w in words) or all(w.is_sound for w in words)


def _in_titles(words: Sequence[Word], sound: str, snapshot: Snapshot) -> str | None:
    """Words that are right may be sounds as well, but two of them alone are what they are."""
    if len(sound) < SHORTEST_SOUND or any(w.is_right and not w.is_sound for w in words):
        return None
    if all(w.is_right for w in words) and len(words) < SURELY_SOUNDS:
        return None
    guesses = snapshot.spelling.titles.by_sound(sound)
    is_clear = bool(guesses) and is_usual(guesses[0], snapshot)
    if is_clear and len(guesses[0].text) < SURELY_SOUNDS:
        others = guesses[1].borne if len(guesses) > 1 else 0
        is_clear = is_usual(guesses[0], snapshot, CLEARLY) and guesses[0].borne >= CLEARLY * others
    return guesses[0].text if is_clear else None


def _roughly(words: Sequence[Word], sound: str, snapshot: Snapshot) -> str | None:
    if len(sound) < LONG_SOUND or any(w.is_right for w in words):
        return None
    for guess in snapshot.spelling.by_rough_sound(sound)[:1]:
        if is_usual(guess, snapshot):
            return guess.text
    return None


def is_usual(guess: Guess, snapshot: Snapshot, times: int = 1) -> bool:
    """Tell whether enough documents bear it that it may be guessed from something only alike."""
    return guess.borne > times * USUAL * math.sqrt(len(snapshot))
