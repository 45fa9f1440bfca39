"""Where a document's text has the query's words, by the analyzer's own offsets, safe for a page.

The text is brought to normal form one character at a time, so that every place in it leads back to
the characters as they were written: traditional ones, wide letters, capitals and accents.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.corpus.analyzer import Analyzer
from app.corpus.text import traced

SNIPPET = 160  # characters of a long text that are shown
BEFORE = 30  # of them before the first match
LONGEST = 20_000  # characters that are looked at


@dataclass(frozen=True, slots=True)
class Highlight:
    text: str  # what is shown: the field, or a stretch of it
    ranges: tuple[tuple[int, int], ...]  # code points of `text`, ascending and apart

    @property
    def html(self) -> str:
        """The text escaped, with <mark> around what matches."""
        parts, at = [], 0
        for start, end in self.ranges:
            parts += [html.escape(self.text[at:start]), "<mark>"]
            parts += [html.escape(self.text[start:end]), "</mark>"]
            at = end
        return "".join([*parts, html.escape(self.text[at:])])


def highlights_of(
    document: Mapping[str, Any], fields: Iterable[str], terms: Collection[str], analyzer: Analyzer
) -> dict[str, Highlight]:
    """Return the fields in which any of the terms stands."""
    found = {}
    for name in fields:
        value = document.get(name)
        text = " · ".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(text, str):
            ranges = matches(text[:LONGEST], terms, analyzer)
            if ranges:
                found[name] = _snippet(text, ranges)
    return found


def matches(text: str, terms: Collection[str], analyzer: Analyzer) -> list[tuple[int, int]]:
    """Return where the terms stand in a text as written, ascending and joined where they touch."""
    normal, places = traced(text)
    spans = [(start, end) for term, start, end in analyzer.spans(normal) if term in terms]
    return _joined((places[start], places[end - 1] + 1) for start, end in sorted(spans))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _snippet(text: str, ranges: Sequence[tuple[int, int]]) -> Highlight:
    """Cut a long text to the stretch with the most matches."""
    if len(text) <= SNIPPET:
        return Highlight(text, tuple(ranges))
    starts = [max(start - BEFORE, 0) for start, _ in ranges]
    best = max(starts, key=lambda s: (sum(s <= a and b <= s + SNIPPET for a, b in ranges), -s))
    end = min(best + SNIPPET, len(text))
    inside = [(a - best, min(b, end) - best) for a, b in ranges if best <= a < end]
    lead, tail = "…" if best else "", "…" if end < len(text) else ""
    moved = tuple((a + len(lead), b + len(lead)) for a, b in inside)
    return Highlight(f"{lead}{text[best:end]}{tail}", moved)
