"""What rises here, or everywhere, perhaps in one category: queries, and documents still there."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.corpus.row_filter import allows
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
    wanted = None if category is None else _code_of(category, snapshot)
    for area in _areas(origin):
        found = _of_area(trending, snapshot, area, wanted, without)
        if found.queries or found.documents:
            return replace(found, queries=found.queries[:limit], documents=found.documents[:limit])
    return Rises([], [], False)


def _of_area(
    trending: Trending, snapshot: Snapshot, area: int, category: int | None, without: Filter | None
) -> Rises:
    """Return all that rises in one area. What is of others is not looked up: they are many."""
    queries = list(_risers(trending.queries, area))
    chosen = list(_risers(trending.chosen, area))
    after = {} if category is None else {q.code: trending.after[q.code].tolist() for q in queries}
    codes = sorted({one.code for one in chosen}.union(*after.values()))
    rows = _rows(trending, codes, category, snapshot)
    if category is not None:
        queries = [q for q in queries if _is_about(after[q.code], rows)]
    there = [replace(one, row=rows[one.code]) for one in chosen if one.code in rows]
    documents = there if without is None else _but(without, there, snapshot)
    return Rises(queries, documents, area != EVERYWHERE)


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


def _code_of(category: str, snapshot: Snapshot) -> int:
    column = snapshot.documents.keywords.get(CATEGORY)
    code = column.names.find(category) if column is not None else -1
    if code < 0:
        raise InvalidQuery(
            CATEGORY, category, "a category of the catalogue", "leave it out for all"
        )
    return code


def _rows(
    trending: Trending, codes: Sequence[int], category: int | None, snapshot: Snapshot
) -> dict[int, int]:
    """Return the rows of those documents that are there, and of the category. By code."""
    found = snapshot.documents.ids.find_all([trending.documents[code] for code in codes]).tolist()
    rows = {code: row for code, row in zip(codes, found, strict=True) if row >= 0}
    if category is None:
        return rows
    of = snapshot.documents.keywords[CATEGORY].codes
    return {code: row for code, row in rows.items() if category in of[row]}


def _is_about(chosen: Sequence[int], right: Container[int]) -> bool:
    """Tell whether most of what is chosen after a query is right."""
    return sum(code in right for code in chosen) > MAJORITY * len(chosen)


def _but(without: Filter, there: list[Riser], snapshot: Snapshot) -> list[Riser]:
    rows = np.array([one.row for one in there], np.int32)
    is_out = allows(without, snapshot.documents, rows).tolist()
    return [one for one, out in zip(there, is_out, strict=True) if not out]
