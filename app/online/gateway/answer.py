"""The answer to a search as JSON bytes; documents are embedded as the bytes they are stored as."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from app.corpus.documents import Documents
from app.domain.candidates import ChannelHits
from app.pipeline.explain import meant, searched, told
from app.pipeline.facets import Facet
from app.pipeline.highlights import highlights_of
from app.pipeline.reasons import Language, Reason, distances_km, language_of, reasons_of
from app.pipeline.search import SearchResult
from app.pipeline.serving import Answer
from app.query.relax import why_empty
from app.snapshot.context import SearchContext


def versions(answer: Answer) -> dict[str, Any]:
    """The four ids that say from what the answer was made, and the request's own."""
    ctx = answer.ctx
    return {
        "request_id": ctx.request_id,
        "snapshot_id": ctx.snapshot.id,
        "log_seq": ctx.snapshot.log_seq,
        "tables_id": ctx.tables.id,
        "release_id": answer.result.release_id,
        **({"experiment": str(answer.assigned)} if answer.assigned else {}),
    }


def answer_body(answer: Answer) -> dict[str, Any]:
    """Lay out one answer as docs/api.md promises it."""
    result = answer.result
    facets = {name: _facet(facet) for name, facet in result.counted.facets.items()}
    return {
        **versions(answer),
        "took_ms": round(answer.took_ms, 3),
        "degraded": result.degraded,
        "query": _understood(answer),
        "total": result.total,
        "total_relation": result.total_relation,
        **({"next_cursor": answer.next_cursor} if answer.next_cursor else {}),
        "results": list(_results(answer)),
        "channels": [channel_summary(hits) for hits in result.hits],
        "timings_ms": {stage: round(ms, 3) for stage, ms in answer.timings_ms.items()},
        **({"facets": facets} if facets else {}),
    }


def _facet(facet: Facet) -> dict[str, Any]:
    """Lay out the counts of one field: of its values, or between the ends of a number."""
    if facet.low is not None:
        return {"count": facet.count, "min": facet.low, "max": facet.high}
    values = [{"value": value, "count": count} for value, count in facet.values]
    return {"count": facet.count, "distinct": facet.distinct, "values": values}


def _understood(answer: Answer) -> dict[str, Any]:
    """Say what was searched for: put right, with less than was asked, or why nothing matches.

    An answer that is explained says what the query leads to as well.
    """
    said = searched(answer.ctx.query)
    if answer.explanation is not None:
        said["intent"] = meant(answer.ctx)
    if not answer.result.total:
        said["empty_because"] = why_empty(answer.ctx)
    return said


def channel_summary(hits: ChannelHits) -> dict[str, Any]:
    """How one channel fared."""
    return {
        "name": hits.channel,
        "status": str(hits.status),
        "hits": hits.rows.size,
        "elapsed_ms": round(hits.elapsed_ms, 3),
    }


def _results(answer: Answer) -> Iterator[dict[str, Any]]:
    result, ctx, documents = answer.result, answer.ctx, answer.ctx.snapshot.documents
    first = ctx.query.offset + 1
    distances = distances_km(ctx, result.rows)
    km = [] if distances is None else distances.tolist()
    why = reasons_of(ctx, result.candidates, result.picked, distances)
    by_channel = _channels(result)
    text = ctx.query.text
    language = language_of(text) if any(c.isalpha() for c in text) else None
    rows, scores, picked = result.rows.tolist(), list(result.scores), result.picked.tolist()
    shown = documents.shown_of(result.rows)
    for i, (row, place) in enumerate(zip(rows, picked, strict=True)):
        entry = {
            "id": result.ids[i],
            "rank": first + i,
            "score": scores[i],
            "document": orjson.Fragment(shown[i]),
            "channels": by_channel[i],
            "reasons": _told(language, documents, row, why[i]),
        }
        if (rule := result.moved.get(place)) is not None:
            entry["rule"] = rule
        if place in result.drawn:
            entry["explored"] = True
        if km and math.isfinite(km[i]):
            entry["distance_km"] = round(km[i], 4)
        if result.counted.groups:
            group = result.counted.groups[i]
            entry["group"] = {"value": group.value, "count": group.count}
        if ctx.query.highlights and (marked := _highlights(ctx, row)):
            entry["highlights"] = marked
        if answer.explanation is not None and i < answer.explanation.places.size:
            entry["explain"] = told(answer.explanation, i)
        yield entry


def _highlights(ctx: SearchContext, row: int) -> dict[str, Any]:
    """Mark the query's words in the fields that were asked for."""
    query, snapshot = ctx.query, ctx.snapshot
    document = orjson.loads(snapshot.documents.shown(row))
    terms = frozenset((*query.terms, *query.also))
    found = highlights_of(document, query.highlights, terms, snapshot.analyzer)
    return {name: {"text": h.text, "ranges": h.ranges, "html": h.html} for name, h in found.items()}


def _told(
    language: Language | None, documents: Documents, row: int, reasons: Sequence[Reason]
) -> list[str]:
    """Say the reasons in the query's language, or without words in the document's."""
    if not reasons:
        return []
    spoken = language or language_of("", documents.payload[row])
    return [reason.told(spoken) for reason in reasons]


def _channels(result: SearchResult) -> list[dict[str, Any]]:
    """Say of each result which channels returned it, and how each placed and scored it."""
    candidates, picked = result.candidates, result.picked
    ranks = candidates.ranks[picked]
    at, channel = ranks.nonzero()
    told: list[dict[str, Any]] = [{} for _ in range(picked.size)]
    found = zip(
        at.tolist(), channel.tolist(), ranks[at, channel].tolist(),
        candidates.scores[picked[at], channel], strict=True,
    )  # fmt: skip
    for i, c, rank, score in found:
        told[i][candidates.channels[c]] = {"rank": rank, "score": score}
    return told
