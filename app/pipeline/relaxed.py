"""A search that nothing matches is asked with less instead; the answer says what was left out.

Whether anything matches is known before a channel is asked, so that no search runs twice. (With
`minimum_should_match` that takes the lexical channel a search of its own.)
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.domain.errors import ServerError
from app.domain.query import Query
from app.pipeline.matches import has_match
from app.pipeline.serving import Framed
from app.query.relax import Less, relax
from app.query.understand import SearchRequest

log = logging.getLogger(__name__)

LEAST_MS = 1.0


async def frame_or_relax(
    frame: Callable[[SearchRequest], Awaitable[Framed]], request: SearchRequest
) -> Framed:
    """Frame a request; where nothing matches it but something matches less of it, frame that.

    Where the second attempt fails, the first stands: its answer is whole, and says that it is
    empty. Raises as `frame` does.
    """
    first = await frame(request)
    if (less := _less(request, first)) is None:
        return first
    left_ms = first.ctx.deadline.remaining_s() * 1e3
    if left_ms < LEAST_MS:
        return first
    try:
        second = await frame(replace(request, text=less.text, correct=False, timeout_ms=left_ms))
    except (ServerError, TimeoutError) as error:
        log.warning("%s; not relaxed: request %s", error, first.ctx.request_id)
        return first
    if not _matches(second, request):
        return first
    query = _said(second.ctx.query, first.ctx.query, less)
    return replace(second, ctx=replace(second.ctx, query=query))


def _less(request: SearchRequest, framed: Framed) -> Less | None:
    """Return what to ask instead, None where something matches or nothing can be left out."""
    if not framed.ctx.query.terms or _matches(framed, request):
        return None
    return relax(framed.ctx.query, framed.ctx.snapshot)


def _matches(framed: Framed, request: SearchRequest) -> bool:
    """Tell whether anything does. A channel that cannot say is left to fail where others answer."""
    try:
        return has_match(framed.ctx, framed.serving.search.fanout.asked(request.channels))
    except Exception:
        log.exception("not relaxed: request %s", framed.ctx.request_id)
        return True


def _said(query: Query, first: Query, less: Less) -> Query:
    """Say in the query that is searched what was left out of the one that was asked."""
    return replace(query, relaxed=(less.left_out,), original=first.original)
