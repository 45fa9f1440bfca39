"""Why a result is there, in words that a person reads: at most three, each a fact of this request.

A reason is said only where what it says was looked up and holds: the very inputs that channels and
features read. The first of the list below that hold are given, the most telling first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
from numba import njit

from app.corpus.text import HAN_RUN
from app.domain.arrays import F32, F64, I32, I64, Bools, Rows
from app.domain.candidates import CandidateSet
from app.snapshot.asked import holds, keeps, named_place
from app.snapshot.context import SearchContext
from app.snapshot.tables import memory_key

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
        return (chinese if language is Language.CHINESE else english).format(self.detail)


def language_of(text: str, title: str = "") -> Language:
    """Return the query's language; without words that of what is shown."""
    said = text if any(c.isalpha() for c in text) else title
    return Language.CHINESE if HAN_RUN.search(said) else Language.ENGLISH


def reasons_of(
    ctx: SearchContext, candidates: CandidateSet, picked: I64, km: F64 | None
) -> list[list[Reason]]:
    """Return each result's reasons, the most telling first. `km`: distances of the results. (m,)"""
    if not picked.size:
        return []
    evidence = _Evidence.of_page(ctx, candidates, picked, km)
    return [list(islice(evidence.of(i), MOST)) for i in range(picked.size)]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What holds of each of the m results of one page, looked up once for all."""

    asked: list[list[str]]
    remembered: list[bool]
    seen: list[bool]
    tastes: list[Reason | None]
    ranks: Mapping[str, list[int]]  # by channel, 0 where it did not return the result
    gains: F32  # (documents,) of late; the catalogue's own order is no popularity
    rows: list[int]
    km: list[float] | None
    is_near: bool  # distances are from a place that the text names
    is_known: bool  # who asks

    @classmethod
    def of_page(
        cls, ctx: SearchContext, candidates: CandidateSet, picked: I64, km: F64 | None
    ) -> Self:
        rows = candidates.rows[picked]
        return cls(
            _asked(ctx, rows),
            _are_among(rows, _remembered(ctx)),
            _are_among(rows, ctx.user.rows),
            _tastes(ctx, rows),
            dict(zip(candidates.channels, candidates.ranks[picked].T.tolist(), strict=True)),
            ctx.tables.counters["recent_gain"],
            rows.tolist(),
            None if km is None else km.tolist(),
            km is not None and _is_place_named(ctx),
            ctx.user.is_known,
        )

    def of(self, i: int) -> Iterator[Reason]:
        if self.asked[i]:
            yield Reason("asked", ", ".join(self.asked[i][:SHOWN_VALUES]))
        if self.remembered[i]:
            yield Reason("remembered")
        if self.km is not None and self.km[i] <= NEAR_KM:
            yield _distance(self.km[i], self.is_near)
        if self.seen[i]:
            yield Reason("seen")
        if (taste := self.tastes[i]) is not None:
            yield taste
        if self.is_known and self._rank_by("behaviour", i) and not self.remembered[i]:
            yield Reason("similar")
        if 0 < self._rank_by("popular", i) <= POPULAR_RANK and self.gains[self.rows[i]] > 0:
            yield Reason("popular")

    def _rank_by(self, channel: str, i: int) -> int:
        ranks = self.ranks.get(channel)
        return ranks[i] if ranks else 0


def _distance(km: float, is_near: bool) -> Reason:
    prefix = "place_" if is_near else ""
    if km < 1:
        return Reason(f"{prefix}metres", str(max(round(km * 1000 / 10) * 10, 10)))
    return Reason(f"{prefix}kilometres", f"{km:.1f}")


def _tastes(ctx: SearchContext, rows: Rows) -> list[Reason | None]:
    """The person's own brand, or else their own kind of place, of each row."""
    tastes: list[Reason | None] = [None] * rows.size
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
    return tastes


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


def _are_among(rows: Rows, others: Rows) -> list[bool]:
    """Tell which rows of a page are among some hundreds of others. (m,)"""
    if not others.size:
        return [False] * rows.size
    among: list[bool] = _among(rows, others).tolist()
    return among


@njit(cache=True, nogil=True)
def _among(rows: Rows, others: Rows) -> Bools:
    among = np.zeros(rows.size, np.bool_)
    for i in range(rows.size):
        for other in others:
            if other == rows[i]:
                among[i] = True
                break
    return among


def _asked(ctx: SearchContext, rows: Rows) -> list[list[str]]:
    """Return, of each row, the parts of the query that it has, in the query's own words.

    A single name is what every result has: it is a reason beside another part alone.
    """
    reading, documents = ctx.query.reading, ctx.snapshot.documents
    if reading.parts < 1 or (reading.parts == 1 and reading.mentions):
        return [[] for _ in rows]
    parts = [(m.text, holds(documents, m, rows).tolist()) for m in reading.mentions]
    for q in reading.quantities:
        values = documents.numbers_of(q.range.field, rows)
        said = ctx.query.text[q.start : q.end].strip()
        parts.append((said, keeps(values, q.range).tolist()))
    return [[text for text, has in parts if has[i]] for i in range(rows.size)]


def _remembered(ctx: SearchContext) -> Rows:
    """Return the rows that people chose who typed this very query."""
    tables = ctx.tables
    if tables.queries is None or not ctx.query.terms:
        return np.empty(0, np.int32)
    return tables.rows(*tables.queries.find(memory_key(ctx.query.terms)))[0]


def _is_place_named(ctx: SearchContext) -> bool:
    """Tell whether distances are from a place that the text names."""
    return named_place(ctx.snapshot.documents, ctx.query.reading) is not None
