"""Runs a search's stages once before it serves: compiling and first page faults cost nobody a
deadline. On a fresh machine the first call of a compiled loop takes seconds, a channel has 0.1.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from app.corpus.masks import row_mask
from app.corpus.row_filter import allows
from app.corpus.schema import NUMERIC, FieldType
from app.domain.candidates import CandidateSet, ChannelHits, ChannelStatus
from app.domain.errors import InvalidQuery
from app.pipeline.counted import count_over
from app.pipeline.explain import meant
from app.pipeline.groups import best_of_groups
from app.pipeline.matches import has_match, match_rows
from app.pipeline.reasons import distances_km, reasons_of
from app.pipeline.sample_searches import (
    one_filter_of_each_kind,
    place_of_first,
    read_somebody,
    samples,
)
from app.pipeline.search import Search
from app.pipeline.select import best_first, select
from app.query.suggest import warm as warm_suggestions
from app.rank.call import decode_call, encode_call, place
from app.rank.local import LocalRanker
from app.rank.ranker import Keep
from app.rank.sound import are_numbers, is_answer, places_of
from app.rank.trees.paths import warm as warm_differences
from app.rank.trees.shapley import warm as warm_contributions
from app.recall.channel import Recalls
from app.recall.fanout import Lane
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

log = logging.getLogger(__name__)

WARM_ROWS = 8


def warm(search: Search, snapshot: Snapshot, tables: Tables) -> None:
    """Ask every channel what it accepts, with and without a mask; merge, arrange, say why.

    On the lanes' own threads: a channel that is stuck or broken costs itself and is logged.
    """
    if not len(snapshot):
        return
    documents = snapshot.documents
    read_somebody(snapshot, tables)
    warm_suggestions(snapshot, tables, place_of_first(documents))
    for filter_ in one_filter_of_each_kind(documents):
        row_mask(filter_, documents)
    for ctx in samples(snapshot, tables):
        lanes = [lane for lane in search.fanout.lanes if lane.channel.accepts(ctx)]
        calls = [lane.threads.submit(lane.channel.recall, ctx, lane.k) for lane in lanes]
        hits = [_await(lane, call, ctx) for lane, call in zip(lanes, calls, strict=True)]
        found = search.merger.merge(hits, search.max_candidates)
        select(ctx, found.rows, found.fused, search.selection)
        page = found.rows[:WARM_ROWS]
        reasons_of(ctx, page, {}, distances_km(ctx, page))
        meant(ctx)
        _count([lane.channel for lane in search.fanout.lanes], ctx, found)
    for rule in search.selection.rules.rules:
        allows(rule.documents, documents, np.empty(0, np.int32))


def _count(channels: Sequence[Recalls], ctx: SearchContext, found: CandidateSet) -> None:
    """Look for a match; count over all rows, all matches and few, as facets and group_by do."""
    has_match(ctx, channels)
    schema = ctx.snapshot.documents.schema
    keywords = [field.name for field in schema.of_type(FieldType.KEYWORD)[:1]]
    numbers = [field.name for field in schema.of_type(*NUMERIC)[:1]]
    for group_by in keywords:
        query = replace(ctx.query, facets=(*keywords, *numbers), group_by=group_by)
        asked = replace(ctx, query=query)
        all_rows = np.arange(len(ctx.snapshot), dtype=np.int32)
        for rows in (all_rows, match_rows(asked, channels), found.rows[:WARM_ROWS]):
            count_over(asked, rows, found.rows[:WARM_ROWS])
        best_of_groups(asked, group_by, found.rows)


def warm_ranker(
    ranker: LocalRanker, snapshot: Snapshot, tables: Tables, channels: Sequence[str]
) -> None:
    """Score the first documents: golden rows check the features, but look no input up."""
    rows = np.arange(min(WARM_ROWS, len(snapshot)), dtype=np.int32)
    shape = (rows.size, len(channels))
    candidates = CandidateSet(
        rows,
        np.zeros(rows.size, np.float32),
        tuple(channels),
        np.full(shape, np.nan, np.float32),
        np.zeros(shape, np.int16),
    )
    for ctx in samples(snapshot, tables):
        scores = ranker.score(ctx, candidates)
        are_numbers(scores, False)
        best_first(scores)
        _over_the_wire(ranker, ctx, candidates)
    warm_differences()
    warm_contributions()


def _over_the_wire(ranker: LocalRanker, ctx: SearchContext, candidates: CandidateSet) -> None:
    """Rank as a ranker service does, and look at its reply as a gateway does."""
    try:
        call = decode_call(encode_call(ctx, candidates, 1.0))
        placed = place(call, ctx.snapshot, ctx.tables, ctx.deadline, "warm")
    except InvalidQuery:  # a sample that no gateway would send proves nothing of the release
        log.exception("warming failed: rank call, snapshot %s", ctx.snapshot.id)
        return
    scores = ranker.score(placed, call.candidates)
    places = places_of(call.candidates.rows, candidates.rows[:1].astype(np.int64))
    is_answer(scores, places)
    Keep().draw(ctx.request_id, scores.size)


def _await(lane: Lane, call: Future[ChannelHits], ctx: SearchContext) -> ChannelHits:
    try:
        return call.result(ctx.deadline.remaining_s())
    except Exception:  # every search will say so again, as `degraded`
        log.exception("warming failed: channel %s, snapshot %s", lane.name, ctx.snapshot.id)
        return ChannelHits.nothing(lane.name, ChannelStatus.FAILED)
