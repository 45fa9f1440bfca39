"""Business rules: what somebody decided about the list, whatever the model thinks of it.

A rule that removes documents acts before recall, as a filter: what takes the place of the removed
is found by every channel, and counts and facets know nothing of them. The others act on the list
that the model ranked; a score stays the model's, whoever moved the document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

import numpy as np

from app.corpus.documents import Documents
from app.corpus.geometry import haversine_km
from app.corpus.row_filter import allows
from app.domain.arrays import F32, F64, I64, Bools, Rows
from app.domain.filters import AnyOf, Filter, Within
from app.domain.query import Query
from app.snapshot.context import SearchContext


class Action(StrEnum):
    PIN = "pin"
    BOOST = "boost"
    BURY = "bury"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class When:
    """All of what is given must hold; what is empty holds always."""

    texts: frozenset[str] = frozenset()  # in normal form; the whole query is one of them
    words: tuple[frozenset[str], ...] = ()  # the query has all terms of one of them
    mentions: Mapping[str, frozenset[str]] = field(default_factory=dict)  # field → one is named
    near: Within | None = None  # the search is from within
    since_ms: float = float("-inf")
    until_ms: float = float("inf")  # no longer from then on

    def needs(self) -> frozenset[str | None]:
        """Return texts and terms of which a query must have one; None: it need not."""
        if self.texts:
            return self.texts
        return frozenset(min(words) for words in self.words) or frozenset([None])

    def holds(self, query: Query, documents: Documents) -> bool:
        """Tell whether a rule applies to this query."""
        return (
            self.since_ms <= query.now_ms < self.until_ms
            and (not self.texts or query.text in self.texts)
            and (not self.words or any(words.issubset(query.terms) for words in self.words))
            and all(_names(query, f, values, documents) for f, values in self.mentions.items())
            and (self.near is None or _is_within(self.near, query))
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready for the snapshots of one schema and analyzer."""

    name: str
    action: Action
    documents: Filter
    when: When = When()
    factor: float = 1.0  # of a boost
    position: int = 1  # from 1, of the first pinned
    pinned: tuple[str, ...] = ()  # external ids, in their order


@dataclass(frozen=True, slots=True)
class Rearranged:
    """A list of n candidates after the rules; places are those among the candidates."""

    order: I64  # (n,) pinned ones first
    worth: F64  # (n,) by candidate: 1 for the best score, 0 for the worst, times the boosts
    is_buried: Bools  # (n,) by candidate: these stay at the end
    pins: Mapping[int, int]  # place → position from 1, in falling precedence
    moved: Mapping[int, str]  # place → the rule that put it elsewhere


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, in the order of the configuration: where two disagree the first one wins."""

    rules: tuple[Rule, ...] = ()
    by_key: Mapping[str | None, tuple[int, ...]] = field(default_factory=dict)
    """Text or term → the rules that hold for no query without it; None → the others."""

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Rules:
        """Lay the rules out so that a query looks at those alone that may apply to it."""
        by_key: dict[str | None, tuple[int, ...]] = {}
        for i, rule in enumerate(rules):
            for key in rule.when.needs():
                by_key[key] = (*by_key.get(key, ()), i)
        return cls(tuple(rules), by_key)

    def active(self, query: Query, documents: Documents) -> tuple[Rule, ...]:
        """Return the rules that apply to a query."""
        if not self.rules:
            return ()
        keys = {None, query.text, *query.terms}
        near = sorted({i for key in keys for i in self.by_key.get(key, ())})
        return tuple(r for i in near if (r := self.rules[i]).when.holds(query, documents))

    def removal(self, query: Query, documents: Documents) -> Filter | None:
        """Return what no result may match, None where nothing is removed."""
        parts = [r.documents for r in self.active(query, documents) if r.action is Action.REMOVE]
        return AnyOf(tuple(parts)) if parts else None

    def removing(self, query: Query, documents: Documents, row: int) -> tuple[str, ...]:
        """Name the rules that take this document out of the query's list."""
        rows = np.array([row], np.int32)
        return tuple(
            rule.name
            for rule in self.active(query, documents)
            if rule.action is Action.REMOVE and allows(rule.documents, documents, rows)[0]
        )

    def touching(self, query: Query, documents: Documents, rows: Rows) -> dict[int, str]:
        """Return place → rule of the rows that any rule may have moved. rows: (m,)"""
        found: dict[int, str] = {}
        for rule in self.active(query, documents):
            for place in np.flatnonzero(allows(rule.documents, documents, rows)).tolist():
                found.setdefault(place, rule.name)
        return found

    def pinned_rows(self, ctx: SearchContext) -> Rows:
        """Return the rows that must be among the candidates, each once, best placed first."""
        if not self.rules:
            return np.empty(0, np.int32)
        active = self.active(ctx.query, ctx.snapshot.documents)
        found = (row for _, rows in _pins(active, ctx) for row in rows)
        return np.array(list(dict.fromkeys(found)), np.int32)

    def rearrange(self, ctx: SearchContext, rows: Rows, scores: F32, order: I64) -> Rearranged:
        """Apply the rules to a list of n candidates that was ranked. `order`: (n,) best first"""
        active = self.active(ctx.query, ctx.snapshot.documents)
        before = worth_of(scores)
        worth, is_buried, touched = _weighed(active, ctx, rows, before)
        after = order[np.lexsort((np.arange(order.size), -worth[order], is_buried[order]))]
        risen = _places(order) - _places(after)
        is_lifted = (worth > before) & (risen > 0) & ~is_buried
        is_sunk = ((worth < before) | is_buried) & (risen < 0)
        moved = {
            place: name
            for (place, lifts), name in touched.items()
            if (is_lifted if lifts else is_sunk)[place]
        }
        pins, pinned_by = _pinned(active, ctx, rows)
        first = np.array(list(pins), np.int64)
        rest = after[~np.isin(after, first)]
        whole = np.concatenate([first, rest])
        return Rearranged(whole, worth, is_buried, pins, moved | pinned_by)


NO_RULES = Rules()


def worth_of(scores: F32) -> F64:
    """Map scores to [0, 1], the worst to 0 and the best to 1. (n,)

    A model's scores may be negative, and only differences between them mean anything.
    """
    if not scores.size:
        return np.empty(0, np.float64)
    low, high = np.float64(scores.min()), np.float64(scores.max())
    span = high - low
    return (scores - low) / span if span > 0 else np.ones(scores.size, np.float64)


def place_pins(rest: I64, pins: Mapping[int, int]) -> I64:
    """Put each pinned place at its position, or the next one free, into the order of the rest."""
    positions: dict[int, int] = {}
    for place, wanted in pins.items():
        positions[next(p for p in count(wanted) if p not in positions)] = place
    order: list[int] = rest.tolist()
    for position in sorted(positions):
        order.insert(position - 1, positions[position])
    return np.array(order, np.int64)


def _names(query: Query, field: str, values: frozenset[str], documents: Documents) -> bool:
    """Tell whether the query names one of these values of a keyword field."""
    column = documents.keywords.get(field)
    return column is not None and any(
        name == field and column.names.strings[code] in values
        for mention in query.reading.mentions
        for name, code in mention.options
    )


def _is_within(circle: Within, query: Query) -> bool:
    if query.origin is None:
        return False
    lat, lon = np.array([query.origin.lat]), np.array([query.origin.lon])
    return bool(haversine_km(circle.lat, circle.lon, lat, lon)[0] <= circle.radius_km)


def _weighed(
    active: Sequence[Rule], ctx: SearchContext, rows: Rows, worth: F64
) -> tuple[F64, Bools, dict[tuple[int, bool], str]]:
    """Return worths after all boosts, who is buried, and who says so.

    The last: place and whether it is lifted → the first rule that lifts it, or sinks it.
    """
    worth, is_buried = worth.copy(), np.zeros(rows.size, np.bool_)
    touched: dict[tuple[int, bool], str] = {}
    for rule in active:
        if rule.action not in (Action.BOOST, Action.BURY):
            continue
        places = np.flatnonzero(allows(rule.documents, ctx.snapshot.documents, rows))
        if rule.action is Action.BOOST:
            worth[places] *= rule.factor
        else:
            is_buried[places] = True
        for place in places.tolist():
            touched.setdefault((place, rule.factor > 1), rule.name)  # a burial has no factor
    return worth, is_buried, touched


def _pins(active: Sequence[Rule], ctx: SearchContext) -> list[tuple[Rule, list[int]]]:
    """Return each pinning rule and the rows of its documents that may be shown."""
    found = []
    for rule in active:
        if rule.action is Action.PIN:
            rows = ctx.snapshot.documents.ids.find_all(rule.pinned)
            rows = rows[rows >= 0]
            if ctx.mask is not None:
                rows = rows[ctx.mask.allowed[rows]]
            found.append((rule, rows.tolist()))
    return found


def _pinned(
    active: Sequence[Rule], ctx: SearchContext, rows: Rows
) -> tuple[dict[int, int], dict[int, str]]:
    """Return place → position of each pinned candidate, and place → its rule."""
    positions: dict[int, int] = {}
    names: dict[int, str] = {}
    place_of = {row: place for place, row in enumerate(rows.tolist())}
    for rule, pinned in _pins(active, ctx):
        present = [place_of[row] for row in pinned if row in place_of]
        for position, place in enumerate(present, rule.position):
            if place not in positions:
                positions[place], names[place] = position, rule.name
    return positions, names


def _places(order: I64) -> I64:
    """Return where each of n stands in the order. (n,)"""
    at = np.empty(order.size, np.int64)
    at[order] = np.arange(order.size)
    return at
