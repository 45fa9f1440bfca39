"""Why the documents of a page have their scores. Asked after the page is known, for it alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from app.domain.arrays import I64
from app.domain.errors import ServerError
from app.domain.query import Query
from app.pipeline.search import SearchResult
from app.rank.explanation import MAX_EXPLAINED, ExplainingRanker, Explanation
from app.rank.ranker import Ranker
from app.snapshot.context import SearchContext
from app.snapshot.intent import confidence, intents_of

MOST_MEANT = 5
"""Values of a field that are told of a query's intent."""

log = logging.getLogger(__name__)


async def explain_page(
    ctx: SearchContext, result: SearchResult, ranker: Ranker | None
) -> tuple[SearchResult, Explanation | None]:
    """Explain the first MAX_EXPLAINED results; None where no model ranked them.

    What goes wrong is named in the result's `degraded` and costs the page nothing.
    """
    places = result.picked[:MAX_EXPLAINED]
    why, trouble = await explain_places(ctx, result, ranker, places)
    return replace(result, degraded=(*result.degraded, *trouble)) if trouble else result, why


async def explain_places(
    ctx: SearchContext,
    result: SearchResult,
    ranker: Ranker | None,
    places: I64,
    against: int | None = None,
) -> tuple[Explanation | None, tuple[str, ...]]:
    """Explain the candidates at `places`, and how they differ from the one at `against`.

    None where no model ranked them; what went wrong stands beside it.
    """
    is_ranked = ranker is not None and result.release_id is not None and places.size > 0
    if not is_ranked or not isinstance(ranker, ExplainingRanker):
        return None, ()
    try:
        return await ranker.explain(ctx, result.candidates, places, against), ()
    except (TimeoutError, ServerError) as error:
        log.warning("%s; nothing is explained: request %s", error, ctx.request_id)
        return None, (f"explain:{'timed_out' if isinstance(error, TimeoutError) else 'failed'}",)


def searched(query: Query) -> dict[str, Any]:
    """Lay out what was searched for: as asked, put right, or with less than was asked."""
    said: dict[str, Any] = {"text": query.text}
    if query.original is not None:
        said |= {"corrected": query.text, "original": query.original}
    if query.relaxed:
        said["relaxed"] = query.relaxed
    return said


def meant(ctx: SearchContext) -> dict[str, Any]:
    """Lay out what the click log says that the query leads to, by field, the likeliest first.

    Empty where it says nothing; probabilities sum to `known`, and what is missing from 1 is not.
    """
    documents, said = ctx.snapshot.documents, {}
    for field, intent in intents_of(ctx.tables, documents, ctx.query.terms).items():
        names = documents.keywords[field].names.strings
        best = np.argsort(-intent.weights, kind="stable")
        said[field] = {
            "known": round(confidence(intent).known, 4),
            "values": [
                {"value": names[intent.codes[i]], "probability": round(float(intent.weights[i]), 4)}
                for i in best[:MOST_MEANT]
            ],
        }
    return said


def told(explanation: Explanation, i: int) -> dict[str, Any]:
    """Lay out row i as answers show it: features that add or take most come first."""
    return {
        "base_score": explanation.base_score,
        "features": list(features_told(explanation, i)),
    }


def features_told(explanation: Explanation, i: int) -> Iterator[Mapping[str, Any]]:
    """Yield name, value (NaN: missing) and contribution of each feature of row i."""
    contributions, values = explanation.contributions[i], explanation.features[i]
    for j in np.argsort(-np.abs(contributions), kind="stable"):
        yield {
            "name": explanation.feature_names[j],
            "value": values[j],
            "contribution": contributions[j],
        }
