"""The answer to a search as JSON bytes; documents are embedded as the bytes they are stored as."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.domain.arrays import F64, Rows
from app.domain.candidates import ChannelHits
from app.pipeline.explain import meant, searched, told
from app.pipeline.facets import Facet
from app.pipeline.highlights import highlights_of
from app.pipeline.reasons import Language, Reason, distances_km, language_of, reasons_of, said
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
    facets = result.counted.facets
    return {
        **versions(answer),
        "took_ms": round(answer.took_ms, 3),
        "degraded": result.degraded,
        "query": _understood(answer),
        "total": result.total,
        "total_relation": result.total_relation,
        **({"next_cursor": answer.next_cursor} if answer.next_cursor else {}),
        "results": _results(answer),
        "channels": [channel_summary(hits) for hits in result.hits],
        "timings_ms": {stage: round(ms, 3) for stage, ms in answer.timings_ms.items()},
        **({"facets": {name: _facet(f) for name, f in facets.items()}} if facets else {}),
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
    query = searched(answer.ctx.query)
    if answer.explanation is not None:
        query["intent"] = meant(answer.ctx)
    if not answer.result.total:
        query["empty_because"] = why_empty(answer.ctx)
    return query


def channel_summary(hits: ChannelHits) -> dict[str, Any]:
    """How one channel fared."""
    return {
        "name": hits.channel,
        "status": str(hits.status),
        "hits": hits.rows.size,
        "elapsed_ms": round(hits.elapsed_ms, 3),
    }


def _results(answer: Answer) -> list[dict[str, Any]]:
    """Lay out the page: what every result has, and then what was asked for or is there beside."""
    result, ctx = answer.result, answer.ctx
    rows, first = result.rows, ctx.query.offset + 1
    ranks = _ranks(result)
    km = distances_km(ctx, rows)
    why = _told(ctx, rows, reasons_of(ctx, rows, ranks, km))
    columns = zip(
        result.ids, range(first, first + rows.size), result.scores,
        ctx.snapshot.documents.shown_of(rows), _channels(result, ranks), why, strict=True,
    )  # fmt: skip
    laid_out = [
        {
            "id": id_,
            "rank": rank,
            "score": score,
            "document": orjson.Fragment(shown),
            "channels": channels,
            "reasons": reasons,
        }
        for id_, rank, score, shown, channels, reasons in columns
    ]
    if result.moved or result.drawn:
        _say_what_moved(laid_out, result)
    if km is not None:
        _say_how_far(laid_out, km)
    _add_what_was_asked_for(laid_out, answer)
    return laid_out


def _say_what_moved(entries: Sequence[dict[str, Any]], result: SearchResult) -> None:
    """Name the rule that moved a result, and what exploration drew."""
    for entry, place in zip(entries, result.picked.tolist(), strict=True):
        if (rule := result.moved.get(place)) is not None:
            entry["rule"] = rule
        if place in result.drawn:
            entry["explored"] = True


def _say_how_far(entries: Sequence[dict[str, Any]], km: F64) -> None:
    for entry, distance in zip(entries, km.tolist(), strict=True):
        if math.isfinite(distance):
            entry["distance_km"] = round(distance, 4)


def _add_what_was_asked_for(entries: Sequence[dict[str, Any]], answer: Answer) -> None:
    """Add the groups that results stand for, marked words and explanations."""
    ctx, groups, explanation = answer.ctx, answer.result.counted.groups, answer.explanation
    if groups:
        for entry, group in zip(entries, groups, strict=True):
            entry["group"] = {"value": group.value, "count": group.count}
    if ctx.query.highlights:
        for entry, row in zip(entries, answer.result.rows.tolist(), strict=True):
            if marked := _highlights(ctx, row):
                entry["highlights"] = marked
    if explanation is not None:
        for i, entry in enumerate(entries[: explanation.places.size]):
            entry["explain"] = told(explanation, i)


def _highlights(ctx: SearchContext, row: int) -> dict[str, Any]:
    """Mark the query's words in the fields that were asked for."""
    query, snapshot = ctx.query, ctx.snapshot
    document = orjson.loads(snapshot.documents.shown(row))
    terms = frozenset((*query.terms, *query.also))
    found = highlights_of(document, query.highlights, terms, snapshot.analyzer)
    return {name: {"text": h.text, "ranges": h.ranges, "html": h.html} for name, h in found.items()}


def _told(ctx: SearchContext, rows: Rows, why: Sequence[Sequence[Reason]]) -> list[list[str]]:
    """Say the reasons in the query's language, or without words in each document's."""
    text, payload = ctx.query.text, ctx.snapshot.documents.payload
    if (language := language_of(text)) is not None:
        return [said(reasons, language) for reasons in why]
    return [
        said(reasons, language_of(payload[row]) or Language.ENGLISH) if reasons else []
        for row, reasons in zip(rows.tolist(), why, strict=True)
    ]


def _ranks(result: SearchResult) -> dict[str, list[int]]:
    """Return how each channel placed each result, 0 where it did not return it."""
    candidates = result.candidates
    return dict(
        zip(candidates.channels, candidates.ranks.take(result.picked, 0).T.tolist(), strict=True)
    )


def _channels(result: SearchResult, ranks: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Say of each result which channels returned it, and how each placed and scored it."""
    found: list[dict[str, Any]] = [{} for _ in range(result.picked.size)]
    scores = result.candidates.scores.take(result.picked, 0)
    for c, (name, placed) in enumerate(ranks.items()):
        for i, rank in enumerate(placed):
            if rank:
                found[i][name] = {"rank": rank, "score": scores[i, c]}
    return found
