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


_WORDS: Mapping[str, tuple[str, str]] = {
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

    def told(self, language: Language) -> str:
        chinese, english = _WORDS[self.name]
        words = chinese if language is Language.CHINESE else english
        return words.replace("{}", self.detail)


Fact: TypeAlias = tuple[int, Reason]
"""The place of a result on its page, and what holds of it."""

_REMEMBERED, _SEEN = Reason("remembered"), Reason("seen")
_SIMILAR, _POPULAR = Reason("similar"), Reason("popular")


def language_of(text: str, title: str = "") -> Language:
    """Return the query's language; without words that of what is shown."""
    said = text if any(c.isalpha() for c in text) else title
    return Language.CHINESE if HAN_RUN.search(said) else Language.ENGLISH


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
    remembered = _remembered(ctx, rows)
    yield _asked(ctx, rows)
    yield [(i, _REMEMBERED) for i in remembered]
    if km is not None:
        yield _near(ctx, km)
    if ctx.user.is_known:
        yield [(i, _SEEN) for i in _among(rows, ctx.user.rows).tolist()]
        yield _tastes(ctx, rows)
        placed = enumerate(ranks.get("behaviour", ()))
        yield [(i, _SIMILAR) for i, rank in placed if rank and i not in remembered]
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


def _tastes(ctx: SearchContext, rows: Rows) -> Iterable[Fact]:
    """The person's own brand, or else their own kind of place, of each row that has one."""
    tastes: dict[int, Reason] = {}
    for field in ("category", "brand"):  # what comes later wins
        preference = ctx.user.preferences.get(field)
        if preference is None:
            continue
        column = ctx.snapshot.documents.keywords[field]
        offsets, values = column.codes.offsets, column.codes.values
        own = _first_of(offsets, values, rows, preference.codes, preference.weights, TASTE)
        for i, code in enumerate(own.tolist()):
            if code >= 0:
                tastes[i] = Reason(field, column.names.strings[code])
    return tastes.items()


@njit(cache=True, nogil=True)
def _first_of(
    offsets: I64, values: I32, rows: Rows, wanted: I32, weights: F32, least: float
) -> I32:
    """Return the first of each row's values that weighs at least so much, else -1. (m,)"""
    found = np.full(rows.size, -1, np.int32)
    for i in range(rows.size):
        for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
            place = np.searchsorted(wanted, values[at])
            is_held = place < wanted.size and wanted[place] == values[at]
            if is_held and weights[place] >= least:
                found[i] = values[at]
                break
    return found


@njit(cache=True, nogil=True)
def _among(rows: Rows, others: Rows) -> I64:
    """Return the places of the rows of a page that are among some hundreds of others."""
    places, size = np.empty(rows.size, np.int64), 0
    for i in range(rows.size):
        for other in others:
            if other == rows[i]:
                places[size] = i
                size += 1
                break
    return places[:size]


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


def _remembered(ctx: SearchContext, rows: Rows) -> list[int]:
    """Return the places of the rows that people chose who typed this very query."""
    ordinals, _ = ctx.remembered.chosen
    if not ordinals.size:
        return []
    places: list[int] = _chosen(rows, ctx.tables.row_of, ordinals).tolist()
    return places


@njit(cache=True, nogil=True)
def _chosen(rows: Rows, row_of: I32, ordinals: I32) -> I64:
    """Return the places of the rows that some ordinals of the tables stand for."""
    chosen = np.empty(ordinals.size, np.int32)
    for i in range(ordinals.size):
        chosen[i] = row_of[ordinals[i]]  # -1 where the document is gone: no row
    places: I64 = _among(rows, chosen)
    return places


def _is_place_named(ctx: SearchContext) -> bool:
    """Tell whether distances are from a place that the text names."""
    return named_place(ctx.snapshot.documents, ctx.query.reading) is not None
