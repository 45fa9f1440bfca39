"""What became of documents, laid out as docs/explain.md promises it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from app.pipeline.explain import meant, searched, told
from app.pipeline.whynot import Verdict, Verdicts
from app.pipeline.would_be import InChannel


def laid_out(verdicts: Verdicts, took_ms: float) -> dict[str, Any]:
    """Say what became of the first document, and of the second under `compare`."""
    ctx, result = verdicts.whole.ctx, verdicts.whole.result
    first, *others = verdicts.documents
    return {
        "request_id": ctx.request_id,
        "snapshot_id": ctx.snapshot.id,
        "log_seq": ctx.snapshot.log_seq,
        "tables_id": ctx.tables.id,
        "release_id": result.release_id,
        "took_ms": round(took_ms, 3),
        "degraded": verdicts.degraded,
        "query": searched(ctx.query) | {"intent": meant(ctx)},
        **_document(verdicts, first),
        **({"compare": _document(verdicts, others[0])} if others else {}),
        **(_apart(verdicts, first, others[0]) if others else {}),
    }


def _document(verdicts: Verdicts, verdict: Verdict) -> dict[str, Any]:
    dropped, at = verdict.dropped, verdicts.explained(verdict)
    why: dict[str, Any] = {"base_score": None, "features": []}
    if verdicts.explanation is not None and at is not None:
        why = told(verdicts.explanation, at)
    return {
        "id": verdict.id,
        "found": verdict.found,
        "rank": verdict.rank,
        "score": verdict.score,
        "stage": None if dropped is None else dropped.stage.value,
        "detail": None if dropped is None else dropped.detail,
        "channels": {c.name: _channel(c) for c in verdict.channels},
        **why,
    }


def _channel(c: InChannel) -> dict[str, Any]:
    return {"rank": c.rank, "score": c.score, "k": c.k, "status": c.standing.value}


def _apart(verdicts: Verdicts, first: Verdict, second: Verdict) -> dict[str, Any]:
    """Say what each feature puts between the two scores; nothing where one has none."""
    if first.score is None or second.score is None:
        return {"score_difference": None, "difference": []}
    return {
        "score_difference": first.score - second.score,
        "difference": list(_differences(verdicts, first, second)),
    }


def _differences(verdicts: Verdicts, first: Verdict, second: Verdict) -> Iterator[dict[str, Any]]:
    """Yield each feature with both values and what it adds to the difference, most first."""
    why, a, b = verdicts.explanation, verdicts.explained(first), verdicts.explained(second)
    if why is None or a is None or b is None:
        return
    added = why.differences[a]
    for j in np.argsort(-np.abs(added), kind="stable"):
        yield {
            "name": why.feature_names[j],
            "value": why.features[a, j],
            "other": why.features[b, j],
            "difference": added[j],
        }
