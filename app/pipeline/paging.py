"""From one page to the next: what a cursor pins, and the page that it leads to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.domain.arrays import F32, Rows
from app.domain.errors import CursorGone
from app.pipeline.counted import NOTHING_COUNTED
from app.pipeline.cursor import LIVES_MS, Kind, Pinned
from app.pipeline.listed import as_candidates
from app.pipeline.matches import match_rows
from app.pipeline.ordering import sorted_rows
from app.pipeline.search import Search, SearchResult
from app.rank.ranker import Ranking
from app.snapshot.context import SearchContext

NOWHERE = -1


def pin(ctx: SearchContext, result: SearchResult, request: bytes) -> Pinned | None:
    """Return what a cursor holds behind this page, None where nothing comes after it."""
    shown = ctx.query.offset + result.rows.size
    kind = kind_of(ctx)
    rows, scores = result.behind, result.behind_scores
    if kind is Kind.BROWSED:
        order = np.concatenate([result.rows, rows])  # the pages before are not known: they begin
        whole = ctx.query.offset == 0  # a list from its start alone goes on behind its ranked rows
        kind = Kind.BROWSED if whole else Kind.RANKED
        if whole:
            rows, scores = order, np.concatenate([result.scores, scores])
    goes_on = shown < result.total and kind is not Kind.RANKED
    if not result.behind.size and not goes_on:
        return None
    now_ms = ctx.query.now_ms
    return Pinned(
        kind, request, now_ms, now_ms + LIVES_MS, ctx.snapshot.log_seq, result.total, shown,
        NOWHERE, ctx.snapshot.id, ctx.tables.id, result.release_id, rows, scores,
    )  # fmt: skip


def kind_of(ctx: SearchContext) -> Kind:
    if ctx.query.sort:
        return Kind.SORTED
    is_browsing = not ctx.query.terms and ctx.query.filters is not None
    return Kind.BROWSED if is_browsing and ctx.query.group_by is None else Kind.RANKED


def turn(
    pinned: Pinned, ctx: SearchContext, search: Search | None
) -> tuple[SearchResult, Pinned | None]:
    """Return the next page and what is pinned behind it. Blocking.

    `ctx` is of the pinned snapshot; `search` is its own where it serves still, None elsewhere:
    then a list cannot go on behind what was pinned, and CursorGone is raised.
    """
    limit = ctx.query.limit
    at = pinned.offset if pinned.kind is Kind.BROWSED else 0
    rows, scores = pinned.rows[at : at + limit], pinned.scores[at : at + limit]
    after = pinned.after_row
    if rows.size < limit and pinned.kind is not Kind.RANKED and pinned.offset < pinned.total:
        if search is None:
            raise CursorGone("the catalogue was renumbered since this list began; search again")
        return _go_on(pinned, ctx, search, rows, scores)
    shown = pinned.offset + rows.size
    left = replace(pinned, offset=shown, after_row=after)
    if pinned.kind is not Kind.BROWSED:
        left = replace(left, rows=pinned.rows[limit:], scores=pinned.scores[limit:])
    return _result(ctx, pinned, rows, scores), left if _has_more(left) else None


def _go_on(
    pinned: Pinned, ctx: SearchContext, search: Search, rows: Rows, scores: F32
) -> tuple[SearchResult, Pinned | None]:
    """Fill the page from behind the pinned rows."""
    matching = match_rows(ctx, search.channels)
    limit, shown = ctx.query.limit, pinned.offset + rows.size
    if pinned.kind is Kind.SORTED:
        order = sorted_rows(ctx, matching, shown + limit - rows.size + search.max_candidates)
        more = order[shown:]
        page = np.concatenate([rows, more[: limit - rows.size]])
        left = replace(pinned, offset=pinned.offset + page.size, rows=more[limit - rows.size :])
        left = replace(left, scores=np.zeros(left.rows.size, np.float32))
    else:
        rest = matching[(matching > pinned.after_row) & ~np.isin(matching, pinned.rows)]
        more = rest[: limit - rows.size]
        page = np.concatenate([rows, more])
        after = int(more[-1]) if more.size else pinned.after_row
        left = replace(pinned, offset=pinned.offset + page.size, after_row=after)
        if more.size == rest.size:
            left = replace(left, total=left.offset)  # all were shown
    padded = np.concatenate([scores, np.zeros(page.size - scores.size, np.float32)])
    return _result(ctx, pinned, page, padded), left if _has_more(left) else None


def _has_more(left: Pinned) -> bool:
    if left.kind is Kind.RANKED:
        return left.rows.size > 0
    return left.offset < left.total


def _result(ctx: SearchContext, pinned: Pinned, rows: Rows, scores: F32) -> SearchResult:
    """Lay out a page that no channel and no model was asked for."""
    candidates = as_candidates(rows)
    ids = ctx.snapshot.documents.ids.strings.of(rows)
    return SearchResult(
        rows, ids, scores, candidates, np.arange(rows.size), (), (), pinned.total, "eq", {},
        pinned.release_id, Ranking(scores), NOTHING_COUNTED,
    )  # fmt: skip
