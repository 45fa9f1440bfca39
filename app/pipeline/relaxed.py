"""A search that nothing matches is asked once more with less; the answer says what was left out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from app.domain.errors import ServerError
from app.domain.query import Query
from app.pipeline.search import SearchResult
from app.pipeline.serving import Answer, Framed
from app.pipeline.whynot import History, Verdicts, explain_documents
from app.query.relax import Less, relax
from app.query.understand import SearchRequest
from app.snapshot.context import SearchContext

log = logging.getLogger(__name__)

LEAST_MS = 1.0


async def answer_or_relax(
    ask: Callable[[SearchRequest], Awaitable[Answer]], request: SearchRequest, timeout_ms: float
) -> Answer:
    """Ask, and where nothing matches ask again with less, in what is left of the time.

    Later pages of a relaxed search are asked for by offset: a cursor would go on with all of it.
    Where the second attempt fails, the first answer stands: it is whole, and says that it is empty.
    """
    first = await ask(request)
    less = _less(request, first.ctx, first.result)
    left_ms = min(request.timeout_ms or timeout_ms, timeout_ms) - first.took_ms
    if less is None or left_ms < LEAST_MS:
        return first
    try:
        second = await ask(replace(_with(request, less), timeout_ms=left_ms))
    except (ServerError, TimeoutError) as error:
        log.warning("%s; not relaxed: request %s", error, first.ctx.request_id)
        return first
    if not second.result.total:
        return first
    ctx = replace(second.ctx, query=_said(second.ctx.query, first.ctx.query, less))
    took_ms = first.took_ms + second.took_ms
    return replace(second, ctx=ctx, took_ms=took_ms, next_cursor=None)


async def explain_or_relax(
    frame: Callable[[SearchRequest], Awaitable[Framed]],
    request: SearchRequest,
    ids: Sequence[str],
    history: History,
) -> tuple[Framed, Verdicts]:
    """Explain documents in the search that answers the request: where nothing matches, with less.

    Raises as `explain_documents` does.
    """
    framed = await frame(request)
    told = await explain_documents(framed, request.channels, ids, history)
    less = _less(request, framed.ctx, told.whole.result)
    if less is None:
        return framed, told
    again = await frame(_with(request, less))
    second = await explain_documents(again, request.channels, ids, history)
    whole = second.whole
    if not whole.result.total:
        return framed, told
    ctx = replace(whole.ctx, query=_said(whole.ctx.query, framed.ctx.query, less))
    return again, replace(second, whole=replace(whole, ctx=ctx))


def _less(request: SearchRequest, ctx: SearchContext, result: SearchResult) -> Less | None:
    """Return what to ask instead, None where something matches or nothing can be left out."""
    if result.total or request.cursor is not None or not ctx.query.terms:
        return None
    return relax(ctx.query, ctx.snapshot)


def _with(request: SearchRequest, less: Less) -> SearchRequest:
    return replace(request, text=less.text, correct=False)


def _said(query: Query, first: Query, less: Less) -> Query:
    """Say in the query that was searched what was left out of the one that was asked."""
    return replace(query, relaxed=(less.left_out,), original=first.original)
