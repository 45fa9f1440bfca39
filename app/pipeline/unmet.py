"""Which clauses of a filter keep one document out, as the caller wrote them.

Clauses are evaluated by the same masks that searches use, so that they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.corpus.documents import Documents
from app.corpus.masks import row_mask
from app.domain.filters import AllOf, AnyOf, Box, Filter, Not, OneOf, Range, Within


@dataclass(frozen=True, slots=True)
class Unmet:
    """A clause that does not hold, and what the document has instead."""

    clause: dict[str, Any]
    value: Any  # None: the document has none, or the clause speaks of several fields


def unmet(filter_: Filter, documents: Documents, row: int) -> list[Unmet]:
    """Return the clauses that would each have to hold and do not; empty where the row passes."""
    return list(_unmet(filter_, documents, row))


def _unmet(node: Filter, documents: Documents, row: int) -> Iterator[Unmet]:
    if isinstance(node, AllOf):
        for part in node.parts:
            yield from _unmet(part, documents, row)
    elif not row_mask(node, documents).allowed[row]:
        yield Unmet(written(node), _value(node, documents, row))


def written(node: Filter) -> dict[str, Any]:
    """Lay a clause out in the grammar of filters."""
    match node:
        case Range():
            return {node.field: _bounds(node)}
        case OneOf(field, values):
            return {field: list(values)}
        case Within(lat, lon, radius_km):
            return {"location": {"within_km": radius_km, "lat": lat, "lon": lon}}
        case Box(south, west, north, east):
            return {"location": {"box": [south, west, north, east]}}
        case Not(part):
            return {"not": written(part)}
        case AnyOf(parts):
            return {"or": [written(part) for part in parts]}
        case AllOf(parts):
            return _together([written(part) for part in parts])


def _bounds(node: Range) -> dict[str, float]:
    if node.lower == node.upper:
        return {"eq": node.lower}
    bounds = {
        "gt" if node.lower_open else "gte": node.lower,
        "lt" if node.upper_open else "lte": node.upper,
    }
    return {name: bound for name, bound in bounds.items() if math.isfinite(bound)}


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Join clauses that name different keys; the same key twice would lose one: all are listed."""
    joined = {key: value for part in parts for key, value in part.items()}
    return joined if len(joined) == sum(map(len, parts)) else {"and": parts}


def _value(node: Filter, documents: Documents, row: int) -> Any:
    document = documents.document(row)
    match node:
        case Range(field) | OneOf(field):
            return document.get(field)
        case Within() | Box():
            place = {"lat": document.get("lat"), "lon": document.get("lon")}
            return None if place["lat"] is None else place
    return None
