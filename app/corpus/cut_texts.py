"""Texts of documents and their terms, remembered for a while: brands, categories and tags repeat.

What is remembered may also be cut ahead, a document at a time, by a thread that others wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

MOST_CHARACTERS = 1 << 18
"""Remembered, of texts: some 20 MB with their terms. Then all are forgotten."""


class Cutter(Protocol):
    """Cuts text into terms, always the same text into the same ones."""

    def terms(self, text: str, analyzer: str = ...) -> Sequence[str]: ...


class CutTexts:
    """Asks another cutter for what it does not remember. For one thread at a time."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._known: dict[tuple[str, str], Sequence[str]] = {}
        self._characters = 0

    def terms(self, text: str, analyzer: str = "default") -> Sequence[str]:
        known = self._known.get((text, analyzer))
        return self._cut(text, analyzer) if known is None else known

    def _cut(self, text: str, analyzer: str) -> Sequence[str]:
        terms = self._cutter.terms(text, analyzer)
        self._characters += len(text)
        if self._characters > MOST_CHARACTERS:
            self._known, self._characters = {}, len(text)
        self._known[text, analyzer] = terms
        return terms
