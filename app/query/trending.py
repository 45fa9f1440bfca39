"""What rises here, or everywhere, perhaps in one category: queries, and documents still there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.corpus.row_filter import allows
from app.domain.arrays import I32, Bools
from app.domain.errors import InvalidQuery
from app.domain.filters import Filter
from app.domain.query import GeoPoint
from app.snapshot.snapshot import Snapshot
from app.snapshot.suggested import area_of
from app.snapshot.trending import EVERYWHERE, Rising, Trending

CATEGORY = "category"
MAJORITY = 0.5  # of what is chosen after a query, that says its category


@dataclass(frozen=True, slots=True)
class Riser:
    """One item that rises."""

    code: int  # of the query or document in the tables
    row: int  # of the document, -1 of a query
    people: int
    expected: float
    score: float


@dataclass(frozen=True, slots=True)
class Rises:
    queries: list[Riser]
    documents: list[Riser]
    is_local: bool  # of the area that was asked for; else nothing rises there, and this is of all


def rises(
    trending: Trending,
    snapshot: Snapshot,
    origin: GeoPoint | None,
    category: str | None,
    limit: int,
    without: Filter | None = None,
) -> Rises:
    """Return at most `limit` of each, what rises most first. Raises InvalidQuery.

    `without`: what no document may match.
    """
    rows = snapshot.documents.ids.find_all(list(trending.documents))
    is_right = _is_of(category, rows, snapshot)
    is_listed = is_right.copy()
    if without is not None:
        is_listed[is_right] = ~allows(without, snapshot.documents, rows[is_right])
    for area in _areas(origin):
        queries = [
            one for one in _risers(trending.queries, area)
            if category is None or _is_about(trending, one.code, is_right)
        ]  # fmt: skip
        documents = [
            Riser(one.code, int(rows[one.code]), one.people, one.expected, one.score)
            for one in _risers(trending.chosen, area)
            if is_listed[one.code]
        ]
        if queries or documents:
            return Rises(queries[:limit], documents[:limit], area != EVERYWHERE)
    return Rises([], [], False)


def _areas(origin: GeoPoint | None) -> Iterator[int]:
    if origin is not None:
        yield int(area_of(np.array(origin.lat), np.array(origin.lon)))
    yield EVERYWHERE


def _risers(rising: Rising, area: int) -> Iterator[Riser]:
    span = rising.of(area)
    for i in range(span.start, span.stop):
        yield Riser(
            int(rising.items[i]), -1, int(rising.people[i]),
            float(rising.expected[i]), float(rising.scores[i]),
        )  # fmt: skip


def _is_of(category: str | None, rows: I32, snapshot: Snapshot) -> Bools:
    """Tell which documents are there, and of the category. (documents,)"""
    is_there = rows >= 0
    if category is None:
        return np.asarray(is_there, np.bool_)
    column = snapshot.documents.keywords.get(CATEGORY)
    code = column.names.find(category) if column is not None else -1
    if column is None or code < 0:
        raise InvalidQuery(
            CATEGORY, category, "a category of the catalogue", "leave it out for all"
        )
    return np.array([row >= 0 and code in column.codes[row] for row in rows.tolist()], np.bool_)


def _is_about(trending: Trending, query: int, is_right: Bools) -> bool:
    """Tell whether most of what is chosen after a query is right."""
    chosen = trending.after[query]
    return chosen.size > 0 and float(is_right[chosen].mean()) > MAJORITY
