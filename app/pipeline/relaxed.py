"""A search that nothing matches is asked once more with less; the answer says what was left out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.pipeline.serving import Answer
from app.query.relax import relax
from app.query.understand import SearchRequest

LEAST_MS = 1.0


async def answer_or_relax(
    ask: Callable[[SearchRequest], Awaitable[Answer]], request: SearchRequest, timeout_ms: float
) -> Answer:
    """Ask, and where nothing matches ask again with less, in what is left of the time.

    Later pages of a relaxed search are asked for by offset: a cursor would go on with all of it.
    """
    first = await ask(request)
    query = first.ctx.query
    if first.result.total or request.cursor is not None or not query.terms:
        return first
    less = relax(query, first.ctx.snapshot)
    left_ms = min(request.timeout_ms or timeout_ms, timeout_ms) - first.took_ms
    if less is None or left_ms < LEAST_MS:
        return first
    again = replace(request, text=less.text, correct=False, timeout_ms=left_ms)
    second = await ask(again)
    if not second.result.total:
        return first
    said = replace(second.ctx.query, relaxed=(less.left_out,), original=query.original)
    took_ms = first.took_ms + second.took_ms
    return replace(second, ctx=replace(second.ctx, query=said), took_ms=took_ms, next_cursor=None)
