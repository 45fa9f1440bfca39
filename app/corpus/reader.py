"""Reads a query: which parts name values of the catalogue, bound its numbers, or name a place.

What is read narrows nothing by itself: it is recall of its own, and features for the ranker. Only
a bound that is said as a must becomes a filter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TypeAlias

from app.corpus.lexicon import Found, Lexicon
from app.corpus.quantities import Quantities
from app.domain.reading import NOTHING_READ, Mention, Reading, Synonym

Span: TypeAlias = tuple[int, int]
REMEMBERED, SHORT = 2_048, 64  # texts, and characters of one that is
COVER = "\x00"  # stands for what is read already; no pattern matches it
_NEAR_AFTER = re.compile(r"\s*的?(?:附近|旁边|周边|周围|边上|一带)")
_NEAR_BEFORE = re.compile(r"(?:near to|near|nearby|close to|next to|around|靠近|离)\s*(?:the\s+)?$")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads queries for one snapshot. Thread-safe; a query's reading depends on its text alone."""

    lexicon: Lexicon
    quantities: Quantities
    _remembered: Callable[[str], Reading] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Remember by what does not hold the reader: a cycle would outlive its snapshot."""
        read = partial(_read, self.lexicon, self.quantities)
        object.__setattr__(self, "_remembered", lru_cache(REMEMBERED)(read))

    def read(self, text: str) -> Reading:
        """Read a text in normal form. What was read lately is remembered: much is asked often."""
        if not text:
            return NOTHING_READ
        return self._remembered(text) if len(text) <= SHORT else self.read_anew(text)

    def read_anew(self, text: str) -> Reading:
        """Read a text that is not empty, whatever is remembered."""
        return _read(self.lexicon, self.quantities, text)


def _read(lexicon: Lexicon, quantities: Quantities, text: str) -> Reading:
    found, others = lexicon.find(text), lexicon.synonyms.others
    if not found:
        bounds = quantities.find(text)
        return Reading(_without(text, [(q.start, q.end) for q in bounds]), quantities=bounds)
    near, where = _near(text, [f for f in found if f.title_row >= 0])
    named = _longest([f for f in found if f.options or f.text in others], where)
    bounds = quantities.find(_covered(text, [*where, *[(f.start, f.end) for f in named]]))
    said = [*where, *[(q.start, q.end) for q in bounds]]
    return Reading(
        rest=_without(text, sorted(said)),
        mentions=tuple([Mention(f.text, f.start, f.end, f.options) for f in named if f.options]),
        quantities=bounds,
        synonyms=tuple(
            [Synonym(f.start, f.end, others[f.text]) for f in named if f.text in others]
        ),
        near_row=near.title_row if near else None,
    )  # fmt: skip


def _near(text: str, titles: list[Found]) -> tuple[Found | None, list[Span]]:
    """Return the longest title that the query wants something near to, and what says so."""
    if not titles:
        return None, []
    for name in sorted(titles, key=_longest_first):
        if after := _NEAR_AFTER.match(text, name.end):
            return name, [(name.start, after.end())]
        if before := _NEAR_BEFORE.search(text, 0, name.start):
            return name, [(before.start(), name.end)]
    return None, []


def _longest_first(name: Found) -> Span:
    return name.start - name.end, name.start


def _longest(found: list[Found], said: list[Span]) -> list[Found]:
    """Choose names that overlap neither each other nor what is said, longest first; in order."""
    if len(found) + len(said) < 2:
        return found
    taken = [*said]
    chosen = []
    for name in sorted(found, key=_longest_first):
        if all(name.end <= start or end <= name.start for start, end in taken):
            taken.append((name.start, name.end))
            chosen.append(name)
    return sorted(chosen, key=lambda f: f.start)


def _covered(text: str, spans: list[Span]) -> str:
    for start, end in spans:
        text = text[:start] + COVER * (end - start) + text[end:]
    return text


def _without(text: str, spans: list[Span]) -> str:
    """Return the text without these spans, or all of it where nothing would be left."""
    if not spans:
        return text
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    rest = " ".join(" ".join([*kept, text[at:]]).split())
    return rest if any(c.isalnum() for c in rest) else text
