"""Why a result is there, in words that a person reads: at most three, each a fact of this request.

A reason is said only where what it says was looked up and holds: the very inputs that channels and
features read. The first of the list below that hold are given, the most telling first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from app.corpus.geometry import km_to_rows
from app.corpus.ragged import frozen
from app.corpus.text import HAN_RUN
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.snapshot.asked import holds, keeps, named_place
from app.snapshot.context import SearchContext

MOST = 3  # reasons of a result
NEAR_KM = 3.0
TASTE = 0.15  # share of a person's gains that makes a value one of theirs
POPULAR_RANK = 50
SHOWN_VALUES = 3


class Language(StrEnum):
    CHINESE = "zh"
    ENGLISH = "en"


_WORDS: Mapping[str, tuple[str, str]] = {  # in Chinese and English
    "asked": ("符合：{}", "matches {}"),
    "remembered": ("搜这个词的人常点", "often chosen for this search"),
    "metres": ("距你 {} m", "{} m from you"),
    "kilometres": ("距你 {} km", "{} km from you"),
    "place_metres": ("距所找地点 {} m", "{} m from the place you named"),
    "place_kilometres": ("距所找地点 {} km", "{} km from the place you named"),
    "seen": ("你看过", "you looked at this before"),
    "brand": ("你常点的品牌：{}", "a brand you often choose: {}"),
    "category": ("你常看的类别：{}", "a kind you often look at: {}"),
    "similar": ("和你看过的相似", "like what you looked at"),
    "popular": ("近期热门", "popular lately"),
}  # fmt: skip


class Reason(NamedTuple):
    name: str  # a key of the words above
    detail: str = ""


def said(reasons: Iterable[Reason], language: Language) -> list[str]:
    """Put reasons into words."""
    column = 0 if language is Language.CHINESE else 1
    return [_WORDS[name][column].replace("{}", detail) for name, detail in reasons]


Fact: TypeAlias = tuple[int, Reason]
"""The place of a result on its page, and what holds of it."""

Own: TypeAlias = tuple[I64, I32, I32, F32]
"""A keyword field: offsets and codes of its rows; the codes that a person prefers, rising, and how
much."""

NOBODYS: Own = (
    frozen(np.empty(0, np.int64)), frozen(np.empty(0, np.int32)),
    np.empty(0, np.int32), np.empty(0, np.float32),
)  # fmt: skip

_REMEMBERED, _SEEN = Reason("remembered"), Reason("seen")
_SIMILAR, _POPULAR = Reason("similar"), Reason("popular")


def language_of(text: str) -> Language | None:
    """Return the language of a text, None where it has no words."""
    if not any(map(str.isalpha, text)):
        return None
    return Language.CHINESE if HAN_RUN.search(text) else Language.ENGLISH


def distances_km(ctx: SearchContext, rows: Rows) -> F64 | None:
    """Return how far each result is from the searcher, NaN where it has no place. (m,)"""
    origin, documents = ctx.query.origin, ctx.snapshot.documents
    if origin is None or not documents.has_places:
        return None
    lats, lons = documents.numbers["lat"], documents.numbers["lon"]
    return km_to_rows(origin.lat, origin.lon, lats, lons, rows)


def reasons_of(
    ctx: SearchContext, rows: Rows, ranks: Mapping[str, Sequence[int]], km: F64 | None
) -> list[list[Reason]]:
    """Return the reasons of each result of a page, the most telling first.

    `ranks`: how a channel placed each result, 0 where it did not return it; `km`: their distances.
    """
    told: list[list[Reason]] = [[] for _ in range(rows.size)]
    if told:
        for facts in _kinds(ctx, rows, ranks, km):
            for i, reason in facts:
                if len(told[i]) < MOST:
                    told[i].append(reason)
    return told


def _kinds(
    ctx: SearchContext, rows: Rows, ranks: Mapping[str, Sequence[int]], km: F64 | None
) -> Iterator[Iterable[Fact]]:
    """Yield one kind of reason after the other, each looked up for the whole page at once."""
    remembered, seen, categories, brands = _behaviour(ctx, rows)
    yield _asked(ctx, rows)
    yield [(i, _REMEMBERED) for i, was_chosen in enumerate(remembered) if was_chosen]
    if km is not None:
        yield _near(ctx, km)
    if ctx.user.is_known:
        yield [(i, _SEEN) for i, was_seen in enumerate(seen) if was_seen]
        yield _tastes(ctx, categories, brands)
        placed = enumerate(ranks.get("behaviour", ()))
        yield [(i, _SIMILAR) for i, rank in placed if rank and not remembered[i]]
    gains = ctx.tables.counters["recent_gain"]  # the catalogue's own order is no popularity
    placed = enumerate(ranks.get("popular", ()))
    yield [(i, _POPULAR) for i, rank in placed if 0 < rank <= POPULAR_RANK and gains[rows[i]] > 0]


def _near(ctx: SearchContext, km: F64) -> Iterator[Fact]:
    is_place = _is_place_named(ctx)
    for i, distance in enumerate(km.tolist()):
        if distance <= NEAR_KM:
            yield i, _distance(distance, is_place)


def _distance(km: float, is_near: bool) -> Reason:
    prefix = "place_" if is_near else ""
    if km < 1:
        return Reason(f"{prefix}metres", str(max(round(km * 1000 / 10) * 10, 10)))
    return Reason(f"{prefix}kilometres", f"{km:.1f}")


def _tastes(ctx: SearchContext, categories: list[int], brands: list[int]) -> Iterator[Fact]:
    """The person's own brand, or else their own kind of place, of each row that has one."""
    keywords = ctx.snapshot.documents.keywords
    for i, (category, brand) in enumerate(zip(categories, brands, strict=True)):
        if brand >= 0:
            yield i, Reason("brand", keywords["brand"].names.strings[brand])
        elif category >= 0:
            yield i, Reason("category", keywords["category"].names.strings[category])


def _behaviour(ctx: SearchContext, rows: Rows) -> list[list[int]]:
    """Look up, in one call, what behaviour says of each row of a page.

    Whether people chose it who typed this very query, whether this person looked at it, and its
    first category and brand that are theirs, -1 where none is.
    """
    ordinals, _ = ctx.remembered.chosen
    facts: list[list[int]] = _look_up(
        rows, ctx.tables.row_of, ordinals, ctx.user.rows,
        *_own(ctx, "category"), *_own(ctx, "brand"), TASTE,
    ).tolist()  # fmt: skip
    return facts


def _own(ctx: SearchContext, field: str) -> Own:
    preference = ctx.user.preferences.get(field)
    if preference is None:
        return NOBODYS
    codes = ctx.snapshot.documents.keywords[field].codes
    return codes.offsets, codes.values, preference.codes, preference.weights


@njit(cache=True, nogil=True)
def _look_up(
    rows: Rows, row_of: I32, ordinals: I32, acted_on: Rows,
    c_offsets: I64, c_values: I32, c_codes: I32, c_weights: F32,
    b_offsets: I64, b_values: I32, b_codes: I32, b_weights: F32, least: float,
) -> I32:  # fmt: skip
    """Return the four rows of facts that `_behaviour` speaks of. (4, m)"""
    facts = np.zeros((4, rows.size), np.int32)
    for ordinal in ordinals:
        chosen = row_of[ordinal]  # -1 where the document is gone: no row
        for i in range(rows.size):
            facts[0, i] |= chosen == rows[i]
    for i in range(rows.size):
        for other in acted_on:
            facts[1, i] |= other == rows[i]
        facts[2, i] = _first_of(c_offsets, c_values, rows[i], c_codes, c_weights, least)
        facts[3, i] = _first_of(b_offsets, b_values, rows[i], b_codes, b_weights, least)
    return facts


@njit(cache=True, nogil=True)
def _first_of(
    offsets: I64, values: I32, row: int, wanted: I32, weights: F32, least: float
) -> np.int32:
    """Return the first of a row's values that weighs at least so much, else -1."""
    if wanted.size:
        for at in range(offsets[row], offsets[row + 1]):
            place = np.searchsorted(wanted, values[at])
            is_held = place < wanted.size and wanted[place] == values[at]
            if is_held and weights[place] >= least:
                found: np.int32 = values[at]
                return found
    return np.int32(-1)


def _asked(ctx: SearchContext, rows: Rows) -> Iterator[Fact]:
    """Yield of each row the parts of the query that it has, in the query's own words.

    A single name is what every result has: it is a reason beside another part alone.
    """
    reading, documents = ctx.query.reading, ctx.snapshot.documents
    if reading.parts < 1 or (reading.parts == 1 and reading.mentions):
        return
    parts = [(m.text, holds(documents, m, rows).tolist()) for m in reading.mentions]
    for q in reading.quantities:
        values = documents.numbers_of(q.range.field, rows)
        said = ctx.query.text[q.start : q.end].strip()
        parts.append((said, keeps(values, q.range).tolist()))
    for i in range(rows.size):
        if had := [text for text, has in parts if has[i]]:
            yield i, Reason("asked", ", ".join(had[:SHOWN_VALUES]))


def _is_place_named(ctx: SearchContext) -> bool:
    """Tell whether distances are from a place that the text names."""
    return named_place(ctx.snapshot.documents, ctx.query.reading) is not None
