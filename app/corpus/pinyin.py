"""How Chinese characters sound, in letters without tones: 火锅 is huoguo, by initials hg.

Readings are those of the Unihan and kMandarin data in pypinyin. A character with several readings
has its two most usual, so a name may be typed by any of a few keys.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import islice, product

from pypinyin.constants import PINYIN_DICT

_ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"), ("l", "n"), ("hu", "f"))
READINGS = 2  # of one character
KEYS = 8  # of one name
_BASE = {"ü": "v", "ê": "e", "ḿ": "m", "ń": "n", "ň": "n", "ǹ": "n"}


@lru_cache(1 << 14)
def readings(character: str) -> tuple[str, ...]:
    """Return a character's readings; of anything else than Chinese, itself."""
    listed = PINYIN_DICT.get(ord(character))
    if listed is None:
        return (character,) if character.isalnum() else ("",)
    return tuple(dict.fromkeys(_plain(r) for r in listed.split(",")))[:READINGS]


def keys(text: str) -> list[str]:
    """Return the ways to type a text by its sounds, the most usual first."""
    return _joined(readings(c) for c in text)


def initials(text: str) -> list[str]:
    """Return the ways to type a text by the first letter of each sound."""
    return _joined(tuple(dict.fromkeys(r[:1] for r in readings(c))) for c in text)


def rough(key: str) -> str:
    """Return a sound without what many do not tell apart: zh from z, ang from an, l from n."""
    for one, other in _ALIKE:
        key = key.replace(one, other)
    return key


def rough_keys(text: str) -> list[str]:
    return list(dict.fromkeys(rough(key) for key in keys(text)))


def is_sound(word: str) -> bool:
    """Tell whether a word may be one character's sound."""
    return word in _sounds()


@cache
def _sounds() -> frozenset[str]:
    return frozenset(_plain(r) for listed in PINYIN_DICT.values() for r in listed.split(","))


def _joined(parts: Iterable[tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys("".join(p) for p in islice(product(*parts), KEYS)))


def _plain(reading: str) -> str:
    """Take the tones off; ü is typed v."""
    composed = (_BASE.get(c, c) for c in unicodedata.normalize("NFC", reading))
    letters = unicodedata.normalize("NFD", "".join(composed).replace("ü", "v"))
    if "\u0308" in letters:  # ǘ and the like: u, two dots and a tone
        letters = letters.replace("u\u0308", "v")
    return "".join(c for c in letters if c.isascii() and c.isalpha())
