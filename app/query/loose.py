"""Chinese characters of a query that make no word: neither the catalogue's nor a dictionary's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from app.snapshot.snapshot import Snapshot

Span: TypeAlias = tuple[int, int]
Terms: TypeAlias = Sequence[tuple[str, int, int]]
"""The terms of a text and where each begins and ends, as `Analyzer.spans` gives them."""

COVERED = b"\x01"
_FREE = re.compile(rb"\x00+")


def loose(
    text: str, run: Span, said: Sequence[Span], terms: Terms, snapshot: Snapshot
) -> list[Span]:
    """Return the stretches of a Chinese run of the text that no word and nothing said covers."""
    start, end = run
    characters, covered = text[start:end], bytearray(end - start)
    for first, last in said:
        _cover(covered, max(first, start) - start, min(last, end) - start)
    for term, first, last in terms:
        if start <= first and last <= end and len(term) > 1 and _is_known(term, snapshot):
            _cover_all(covered, characters, term)
            if 0 not in covered:
                return []
    return [(start + free.start(), start + free.end()) for free in _FREE.finditer(covered)]


def _is_known(term: str, snapshot: Snapshot) -> bool:
    """Tell whether a dictionary or a document has it; the former takes a tenth of the time."""
    return snapshot.analyzer.is_word(term) or snapshot.documents.terms.find(term) >= 0


def _cover_all(covered: bytearray, run: str, term: str) -> None:
    """Mark the characters of a term wherever it stands."""
    at, mark = run.find(term), COVERED * len(term)
    while at >= 0:
        covered[at : at + len(mark)] = mark
        at = run.find(term, at + 1)


def _cover(covered: bytearray, start: int, end: int) -> None:
    if start < end:
        covered[start:end] = COVERED * (end - start)
