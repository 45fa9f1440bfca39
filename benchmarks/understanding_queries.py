"""What a test query is, and the catalogue that it is drawn from.

`half` parts them by a hash of their text, so that one half may be looked at while the rules are
written and the other may not.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from app.corpus.text import HAN_RUN, normalise

Document: TypeAlias = Mapping[str, Any]
Fits: TypeAlias = Callable[[Document], bool]

WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Asked:
    kind: str
    text: str
    fits: Fits
    enough: int  # so many of the first ten must fit

    @property
    def half(self) -> str:
        """Return "open", to be looked at, or "sealed", to be run once."""
        return "sealed" if hashlib.sha1(self.text.encode()).digest()[0] & 1 else "open"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Documents, and what is drawn from them."""

    documents: Sequence[Document]
    names: Mapping[str, int]  # Chinese values of keyword fields → documents that hold them
    words: Mapping[str, int]  # words in letters of titles → documents
    bounds: tuple[Bound, ...]
    kinds: Mapping[str, Fits]  # what a constraint goes with: its name → the documents


@dataclass(frozen=True, slots=True)
class Bound:
    """A constraint in words; `{n}` is the number, `{x}` what is looked for."""

    field: str
    pattern: str
    is_least: bool
    values: tuple[float, ...]


def catalogue_of(
    documents: Sequence[Document], bounds: tuple[Bound, ...], kinds: Mapping[str, Fits]
) -> Catalogue:
    names: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for document in documents:
        names.update(v for v in values(document) if HAN_RUN.fullmatch(v) and 2 <= len(v) <= 5)
        words.update(list(dict.fromkeys(WORD.findall(normalise(document["title"])))))
    common = {name: count for name, count in names.items() if count >= 3}
    return Catalogue(documents, common, words, bounds, kinds)


def values(document: Document) -> Iterator[str]:
    """Yield the keyword values of a document in normal form."""
    for field in ("category", "tags", "brand", "district", "city"):
        value = document.get(field)
        for one in value if isinstance(value, list) else [value] if value else []:
            yield normalise(one)


def says(text: str) -> Fits:
    """Documents that hold a text in a value, title or text."""
    return lambda d: text in values(d) or text in normalise(f"{d['title']} {d.get('text', '')}")
