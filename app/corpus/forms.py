"""Other forms of one word in letters and digits, so that each is found by the others.

    wi-fi → wifi    iphone15 → iphone, 15    2l, 2 升 → 2000ml    500克, 0.5 kg → 500g

Each form stands beside the words that it is made of, in documents and queries alike; no word goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.corpus.text import LETTER

MOST_PARTS = 3  # of a word or a compound: more is a serial number or a phrase
LONGEST = 24  # characters of a word with digits
LONGEST_JOINED = 10  # longer compounds are written apart: joined they only count twice
_MEASURES: dict[str, dict[str, float]] = {
    "g": {"mg": 0.001, "毫克": 0.001, "g": 1, "克": 1, "斤": 500, "kg": 1_000, "kgs": 1_000,
          "公斤": 1_000, "千克": 1_000},
    "ml": {"ml": 1, "毫升": 1, "cl": 10, "l": 1_000, "升": 1_000, "liter": 1_000, "liters": 1_000,
           "litre": 1_000, "litres": 1_000},
    "cm": {"mm": 0.1, "毫米": 0.1, "cm": 1, "厘米": 1, "公分": 1, "m": 100, "米": 100,
           "km": 100_000, "公里": 100_000, "千米": 100_000},
    "inch": {"inch": 1, "inches": 1, "英寸": 1, "寸": 1},
    "w": {"w": 1, "瓦": 1, "watt": 1, "watts": 1, "kw": 1_000, "千瓦": 1_000},
    "mah": {"mah": 1, "毫安": 1, "毫安时": 1},
    "minute": {"minute": 1, "minutes": 1, "mins": 1, "分钟": 1, "hour": 60, "hours": 60,
               "小时": 60},
}  # fmt: skip
_UNITS = {
    unit: (name, factor) for name, units in _MEASURES.items() for unit, factor in units.items()
}
_LATIN = "|".join(sorted((u for u in _UNITS if u.isascii()), key=len, reverse=True))
_HAN = "|".join(sorted((u for u in _UNITS if not u.isascii()), key=len, reverse=True))
_MEASURED = re.compile(
    rf"(?<!{LETTER})(?<!\.)(\d{{1,9}}(?:\.\d{{1,6}})?)[ -]?(?:({_LATIN})(?!{LETTER}|')|({_HAN}))"
)
_JOINED = re.compile(
    rf"(?<!{LETTER})(?<![-'])({LETTER}+(?:[-\u2010]{LETTER}+)"
    rf"{{1,{MOST_PARTS - 1}}})(?![-']|{LETTER})"
)
_MIXED = re.compile(rf"(?<!{LETTER})(?<!')(?={LETTER}*\d){LETTER}+(?!'|{LETTER})")
_PART = re.compile(r"\d+|[^\W\d_]+")
ANY = re.compile(rf"\d|{LETTER}[-\u2010]{LETTER}")
"""What a text must hold to have any other form: most have not."""


class Form(NamedTuple):
    text: str
    start: int
    end: int


def other_forms(text: str) -> list[Form]:
    """Return the other forms of the words of a text in normal form, by start, longest first."""
    found = [*_measured(text), *_joined(text)]
    measured = {(form.start, form.end) for form in found}
    found += [part for part in _parts(text) if (part.start, part.end) not in measured]
    return sorted(found, key=lambda form: (form.start, -form.end))


def _measured(text: str) -> Iterator[Form]:
    """Give numbers with a unit in one unit of their kind: 1.5kg as 1500g."""
    for match in _MEASURED.finditer(text):
        name, factor = _UNITS[match[2] or match[3]]
        value = f"{float(match[1]) * factor:.6f}".rstrip("0").rstrip(".")
        if value + name != match[0]:
            yield Form(value + name, *match.span())


def _joined(text: str) -> Iterator[Form]:
    """Give words with hyphens as one word."""
    for match in _JOINED.finditer(text):
        word = match[0].replace("-", "").replace("\u2010", "")
        if len(word) <= LONGEST_JOINED and not word.isdigit():
            yield Form(word, *match.span())


def _parts(text: str) -> Iterator[Form]:
    """Give the letters and the digits of a word that holds both, but not of a measure."""
    for word in _MIXED.finditer(text):
        parts = list(_PART.finditer(word[0])) if len(word[0]) <= LONGEST else []
        if not 1 < len(parts) <= MOST_PARTS or _MEASURED.fullmatch(word[0]):
            continue
        for part in parts:
            yield Form(part[0], word.start() + part.start(), word.start() + part.end())
