"""Why a result is there, in words that a person reads: at most three, each a fact of this request.

A reason is said only where what it says was looked up and holds: the very inputs that channels and
features read. The first of the list below that hold are given, the most telling first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from app.corpus.text import HAN_RUN
from app.domain.arrays import F64, I64, Bools, Rows
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


@dataclass(frozen=True, slots=True)
class Reason:
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
    rows = candidates.rows[picked]
    evidence = _Evidence(ctx, candidates, rows, picked, km)
    return [list(evidence.of(i))[:MOST] for i in range(rows.size)]


class _Evidence:
    """What holds of each result of one page, looked up once for all."""

    def __init__(
        self, ctx: SearchContext, candidates: CandidateSet, rows: Rows, picked: I64, km: F64 | None
    ) -> None:
        self.ctx, self.rows, self.km = ctx, rows, km
        self.asked = _asked(ctx, rows)
        self.remembered = _are_among(rows, _remembered(ctx))
        self.seen = _are_among(rows, ctx.user.rows)
        ranks = dict(zip(candidates.channels, candidates.ranks[picked].T, strict=True))
        nowhere = np.zeros(rows.size, np.int16)
        self.behaviour = ranks.get("behaviour", nowhere) > 0
        popular = ranks.get("popular", nowhere)
        self.popular = (popular > 0) & (popular <= POPULAR_RANK) & self._touched(rows)
        self.is_near = _is_place_named(ctx)

    def of(self, i: int) -> Iterator[Reason]:
        if self.asked[i]:
            yield Reason("asked", ", ".join(self.asked[i][:SHOWN_VALUES]))
        if self.remembered[i]:
            yield Reason("remembered")
        yield from self._distance(i)
        if self.seen[i]:
            yield Reason("seen")
        yield from self._tastes(int(self.rows[i]))
        if self.behaviour[i] and self.ctx.user.is_known and not self.remembered[i]:
            yield Reason("similar")
        if self.popular[i]:
            yield Reason("popular")

    def _touched(self, rows: Rows) -> Bools:
        """Tell which rows anybody acted on lately: the catalogue's own order is no popularity."""
        touched: Bools = self.ctx.tables.counters["recent_gain"][rows] > 0
        return touched

    def _distance(self, i: int) -> Iterator[Reason]:
        if self.km is None or not self.km[i] <= NEAR_KM:
            return
        prefix, km = "place_" if self.is_near else "", self.km[i]
        if km < 1:
            yield Reason(f"{prefix}metres", str(max(round(km * 1000 / 10) * 10, 10)))
        else:
            yield Reason(f"{prefix}kilometres", f"{km:.1f}")

    def _tastes(self, row: int) -> Iterator[Reason]:
        """The person's own brand, or else their own kind of place."""
        for field in ("brand", "category"):
            preference = self.ctx.user.preferences.get(field)
            if preference is None:
                continue
            column = self.ctx.snapshot.documents.keywords[field]
            for code in column.codes[row].tolist():
                at = int(preference.codes.searchsorted(code))
                is_held = at < preference.codes.size and preference.codes[at] == code
                if is_held and preference.weights[at] >= TASTE:
                    yield Reason(field, column.names.strings[code])
                    return


def _are_among(rows: Rows, others: Rows) -> Bools:
    """Tell which rows of a page are among some hundreds of others. (m,)"""
    among: Bools = (rows[:, np.newaxis] == others).any(axis=1)
    return among


def _asked(ctx: SearchContext, rows: Rows) -> list[list[str]]:
    """Return, of each row, the parts of the query that it has, in the query's own words.

    A single name is what every result has: it is a reason beside another part alone.
    """
    reading, documents = ctx.query.reading, ctx.snapshot.documents
    if reading.parts < 1 or (reading.parts == 1 and reading.mentions):
        return [[] for _ in rows]
    parts = [(m.text, holds(documents, m, rows)) for m in reading.mentions]
    for q in reading.quantities:
        values = documents.numbers_of(q.range.field, rows)
        parts.append((ctx.query.text[q.start : q.end].strip(), keeps(values, q.range)))
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
