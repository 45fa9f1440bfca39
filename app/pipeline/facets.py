"""How many matching documents have each value of a field, exactly, however many match."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.corpus.schema import FieldType
from app.domain.arrays import Rows
from app.pipeline.value_counts import count_values
from app.recall.newer import numbers_of
from app.snapshot.context import SearchContext

MOST_VALUES = 20  # of a field, the most frequent


@dataclass(frozen=True, slots=True)
class Facet:
    """Of a keyword or bool field the values with their counts; of a number its ends."""

    values: tuple[tuple[str | bool, int], ...] = ()  # most frequent first, equal ones by value
    distinct: int = 0  # values in all
    count: int = 0  # documents that have the field
    low: float | None = None
    high: float | None = None


def facets_of(ctx: SearchContext, rows: Rows) -> dict[str, Facet]:
    """Count the request's facet fields over the matching rows."""
    return {name: _facet(ctx, name, rows) for name in ctx.query.facets}


def _facet(ctx: SearchContext, name: str, rows: Rows) -> Facet:
    spec = ctx.snapshot.documents.schema.fields[name]
    if spec.type is FieldType.KEYWORD:
        return _of_keywords(ctx, name, rows)
    values = numbers_of(ctx.snapshot, rows, (name,))[name]
    known = values[np.isfinite(values)]
    if spec.type is FieldType.BOOL:
        yes = int(np.count_nonzero(known))
        counts = [(v, n) for v, n in ((True, yes), (False, known.size - yes)) if n]
        counts.sort(key=lambda c: -c[1])
        return Facet(tuple(counts), len(counts), int(known.size))
    if not known.size:
        return Facet()
    return Facet(count=int(known.size), low=float(known.min()), high=float(known.max()))


def _of_keywords(ctx: SearchContext, name: str, rows: Rows) -> Facet:
    column = ctx.snapshot.documents.keywords[name]
    counts, having = count_values(column, ctx.snapshot.documents.counted, rows)
    used = np.flatnonzero(counts)
    if used.size > MOST_VALUES:
        floor = np.partition(counts[used], used.size - MOST_VALUES)[used.size - MOST_VALUES]
        shown = used[counts[used] >= floor]
    else:
        shown = used
    named = [(column.names.strings[int(c)], int(counts[c])) for c in shown]
    named.sort(key=lambda v: (-v[1], v[0]))
    return Facet(tuple(named[:MOST_VALUES]), int(used.size), int(having))
