"""A trace: one search through every stage, as docs/explain.md lays it out. Made after the answer.

People stand in it by their pseudonyms, as in every log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.corpus.documents import Documents
from app.domain.arrays import Rows
from app.domain.candidates import ChannelHits
from app.domain.query import Query
from app.domain.reading import Mention
from app.pipeline.explain import meant, told
from app.pipeline.select import best_first
from app.pipeline.serving import Answer
from app.pipeline.unmet import written
from app.snapshot.context import SearchContext


def trace_of(answer: Answer, why_kept: str) -> dict[str, Any]:
    """Lay one answer out, stage by stage. Some milliseconds: call it beside the searches."""
    ctx, result = answer.ctx, answer.result
    documents = ctx.snapshot.documents
    return {
        "request_id": ctx.request_id,
        "at_ms": ctx.query.now_ms,
        "kept": why_kept,
        "snapshot_id": ctx.snapshot.id,
        "log_seq": ctx.snapshot.log_seq,
        "tables_id": ctx.tables.id,
        "release_id": result.release_id,
        **({"experiment": str(answer.assigned)} if answer.assigned else {}),
        "took_ms": answer.took_ms,
        "timings_ms": answer.timings_ms,
        "degraded": result.degraded,
        "understood": _understood(ctx),
        "channels": [_channel(hits, documents) for hits in result.hits],
        "merged": _scored(result.candidates.rows, result.candidates.fused, documents),
        "ranked": list(_ranked(answer)),
        "selected": _selected(answer),
    }


def _understood(ctx: SearchContext) -> dict[str, Any]:
    query, origin = ctx.query, ctx.query.origin
    return {
        "text": query.text,
        "original": query.original,
        "terms": query.terms,
        **_read(query, ctx.snapshot.documents),
        "intent": meant(ctx),
        "filters": None if query.filters is None else written(query.filters),
        "allowed": len(ctx.snapshot) if ctx.mask is None else ctx.mask.count,
        "location": None if origin is None else {"lat": origin.lat, "lon": origin.lon},
        "has_vector": query.vector is not None,
        "person": {
            "user_id": query.user_id,
            "client_id": query.client_id,
            "documents_acted_on": ctx.user.rows.size,
            "event_seq": ctx.event_seq,
        },
    }


def _read(query: Query, documents: Documents) -> dict[str, Any]:
    reading = query.reading
    near = reading.near_row
    return {
        "rest": reading.rest,
        "mentions": [_mention(m, documents) for m in reading.mentions],
        "quantities": [
            {"clause": written(q.range), "is_must": q.is_hard} for q in reading.quantities
        ],
        "synonyms": [
            {"text": query.text[s.start : s.end], "others": s.others} for s in reading.synonyms
        ],
        "near": None if near is None else documents.ids.strings[near],
    }


def _mention(mention: Mention, documents: Documents) -> dict[str, Any]:
    options = [
        {"field": field, "value": documents.keywords[field].names.strings[code]}
        for field, code in mention.options
    ]
    return {"text": mention.text, "options": options}


def _channel(hits: ChannelHits, documents: Documents) -> dict[str, Any]:
    """Lay out what one channel said; a hit's rank is its place in the list, from 1."""
    return {
        "name": hits.channel,
        "status": hits.status.value,
        "elapsed_ms": hits.elapsed_ms,
        "total": hits.total,
        "hits": _scored(hits.rows, hits.scores, documents),
    }


def _scored(rows: Rows, scores: Any, documents: Documents) -> list[dict[str, Any]]:
    ids = documents.ids.strings
    return [{"id": ids[r], "score": s} for r, s in zip(rows.tolist(), scores, strict=True)]


def _ranked(answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield the candidates by falling score: place after merging, features where explained."""
    result, why = answer.result, answer.explanation
    ids, rows = answer.ctx.snapshot.documents.ids.strings, result.candidates.rows
    explained = {} if why is None else {int(at): i for i, at in enumerate(why.places)}
    scores = result.ranking.scores
    for place in best_first(scores).tolist():
        entry = {"id": ids[int(rows[place])], "score": scores[place], "merged_rank": place + 1}
        if why is not None and place in explained:
            entry |= told(why, explained[place])
        yield entry


def _selected(answer: Answer) -> dict[str, Any]:
    """Say what the page was chosen by, and what stands on it."""
    query, result = answer.ctx.query, answer.result
    documents = answer.ctx.snapshot.documents
    ids, rows = documents.ids.strings, result.candidates.rows
    page = _scored(result.rows, result.scores, documents)
    return {
        "offset": query.offset,
        "limit": query.limit,
        "sort": [f"{'-' if key.is_descending else ''}{key.field}" for key in query.sort],
        "group_by": query.group_by,
        "moved": [{"id": ids[int(rows[at])], "rule": rule} for at, rule in result.moved.items()],
        "drawn": [{"id": ids[int(rows[at])], "chance": p} for at, p in result.drawn.items()],
        "total": result.total,
        "results": [{"rank": query.offset + i, **r} for i, r in enumerate(page, 1)],
    }
