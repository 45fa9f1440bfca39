"""Chinese characters of a query that make no word: neither the catalogue's nor a dictionary's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from app.corpus.analyzer import Analyzer

Span: TypeAlias = tuple[int, int]
Terms: TypeAlias = Sequence[tuple[str, int, int]]
"""The terms of a text and where each begins and ends, as `Analyzer.spans` gives them."""

Known: TypeAlias = Mapping[Span, tuple[str, bool]]
"""The same by place, with whether any document holds the term."""

_FREE = re.compile(rb"\x00+")


def loose(
    text: str, run: Span, said: Sequence[Span], known: Known, analyzer: Analyzer
) -> Iterator[Span]:
    """Yield the stretches of a Chinese run of the text that no word and nothing said covers."""
    start, end = run
    covered = bytearray(end - start)
    for first, last in said:
        _cover(covered, max(first, start) - start, min(last, end) - start)
    if not all(covered):
        for (first, last), (term, is_known) in known.items():
            is_inside = start <= first and last <= end and len(term) > 1
            if is_inside and (is_known or analyzer.is_word(term)):
                _cover_all(covered, text[start:end], term)
    for free in _FREE.finditer(bytes(covered)):
        yield start + free.start(), start + free.end()


def _cover_all(covered: bytearray, run: str, term: str) -> None:
    """Mark the characters of a term wherever it stands."""
    at = run.find(term)
    while at >= 0:
        _cover(covered, at, at + len(term))
        at = run.find(term, at + 1)


def _cover(covered: bytearray, start: int, end: int) -> None:
    if start < end:
        covered[start:end] = b"\x01" * (end - start)
