"""All kinds with their items and tags numbered: documents and needs are rows of such numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F64, I16, Bools
from app.offline.demo.kind import Kind, Term
from app.offline.demo.kinds_dining import DINING
from app.offline.demo.kinds_goods import GOODS
from app.offline.demo.kinds_outings import OUTINGS


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The kinds, and one number for every item and every tag, shared between kinds by name."""

    kinds: tuple[Kind, ...]
    families: tuple[str, ...]
    items: tuple[Term, ...]
    tags: tuple[Term, ...]
    kind_items: I16  # (kinds, most items), −1 after the last
    kind_tags: I16  # (kinds, most tags), −1 after the last
    kind_family: I16  # (kinds,)
    share: F64  # (kinds,), sums to 1
    log_price: F64  # (kinds,), log of the median in yuan
    is_place: Bools  # (kinds,)

    @classmethod
    def standard(cls) -> Vocabulary:
        kinds = DINING + OUTINGS + GOODS
        families = tuple(dict.fromkeys(k.family for k in kinds))
        items = _distinct(k.items for k in kinds)
        tags = _distinct(k.tags for k in kinds)
        share = np.array([k.share for k in kinds])
        return cls(
            kinds=kinds,
            families=families,
            items=items,
            tags=tags,
            kind_items=_numbered([k.items for k in kinds], items),
            kind_tags=_numbered([k.tags for k in kinds], tags),
            kind_family=np.array([families.index(k.family) for k in kinds], np.int16),
            share=share / share.sum(),
            log_price=np.log([k.median for k in kinds]),
            is_place=np.array([k.is_place for k in kinds]),
        )


def _distinct(lists: Iterable[tuple[Term, ...]]) -> tuple[Term, ...]:
    """Return each Chinese word once, with the first English given for it."""
    first: dict[str, Term] = {}
    for terms in lists:
        for term in terms:
            first.setdefault(term.zh, term)
    return tuple(first.values())


def _numbered(lists: list[tuple[Term, ...]], table: tuple[Term, ...]) -> I16:
    """Return (lists, longest) positions in `table`, padded with −1."""
    place = {term.zh: i for i, term in enumerate(table)}
    out = np.full((len(lists), max(map(len, lists))), -1, np.int16)
    for row, terms in zip(out, lists, strict=True):
        row[: len(terms)] = [place[t.zh] for t in terms]
    return out
