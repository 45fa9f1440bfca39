"""Runs a search's stages once before it serves: compiling and first page faults cost nobody a
deadline. On a fresh machine the first call of a compiled loop takes seconds, a channel has 0.1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from app.corpus.documents import Documents
from app.corpus.encoder import TextEncoder
from app.corpus.encoding import query_vector
from app.corpus.masks import row_mask
from app.corpus.row_filter import allows
from app.corpus.schema import NUMERIC, FieldType
from app.domain.arrays import F32
from app.domain.candidates import CandidateSet, ChannelHits, ChannelStatus
from app.domain.filters import Box, Filter, OneOf, Range, Within
from app.domain.query import Deadline, GeoPoint, Query
from app.domain.user import UserState
from app.pipeline.counted import count_over
from app.pipeline.groups import best_of_groups
from app.pipeline.matches import match_rows
from app.pipeline.search import Search
from app.pipeline.select import select
from app.query.suggest import warm as warm_suggestions
from app.rank.local import LocalRanker
from app.rank.trees.paths import warm as warm_differences
from app.rank.trees.shapley import warm as warm_contributions
from app.recall.channel import Recalls
from app.recall.fanout import Lane
from app.snapshot.asking import long_term
from app.snapshot.context import SearchContext
from app.snapshot.people import preference, user_state
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

log = logging.getLogger(__name__)

PATIENCE_MS = 60_000.0
RADIUS_KM = 50.0
TERMS = 3
WARM_ROWS = 8


def warm(search: Search, snapshot: Snapshot, tables: Tables) -> None:
    """Ask every channel what it accepts, with and without a mask; merge and arrange.

    On the lanes' own threads: a channel that is stuck or broken costs itself and is logged.
    """
    _read_somebody(snapshot, tables)
    warm_suggestions(snapshot, tables, _place_of_first(snapshot.documents))
    for ctx in _samples(snapshot, tables):
        lanes = [lane for lane in search.fanout.lanes if lane.channel.accepts(ctx)]
        calls = [lane.threads.submit(lane.channel.recall, ctx, lane.k) for lane in lanes]
        hits = [_await(lane, call, ctx) for lane, call in zip(lanes, calls, strict=True)]
        found = search.merger.merge(hits, search.max_candidates)
        select(ctx, found.rows, found.fused, search.selection)
        _count([lane.channel for lane in search.fanout.lanes], ctx, found)
    for rule in search.selection.rules.rules:
        allows(rule.documents, snapshot.documents, np.empty(0, np.int32))


def _count(channels: Sequence[Recalls], ctx: SearchContext, found: CandidateSet) -> None:
    """Count values and groups over all matches and over few, as facets and group_by do."""
    schema = ctx.snapshot.documents.schema
    keywords = [field.name for field in schema.of_type(FieldType.KEYWORD)[:1]]
    numbers = [field.name for field in schema.of_type(*NUMERIC)[:1]]
    for group_by in keywords:
        query = replace(ctx.query, facets=(*keywords, *numbers), group_by=group_by)
        asked = replace(ctx, query=query)
        for rows in (match_rows(asked, channels), found.rows[:WARM_ROWS]):
            count_over(asked, rows, found.rows[:WARM_ROWS])
        best_of_groups(asked, group_by, found.rows)


def _read_somebody(snapshot: Snapshot, tables: Tables) -> None:
    """Read one person's state as a search of theirs will."""
    if tables.persons is not None and len(tables.persons.histories.aliases):
        kind, _, name = tables.persons.histories.aliases.strings[0].partition(":")
        user, client = (name, None) if kind == "user" else (None, name)
        person = long_term(tables, user, client)
        user_state(person, tables, snapshot.documents, tables.as_of_ms)


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
    for ctx in _samples(snapshot, tables):
        ranker.score(ctx, candidates)
    warm_differences()
    warm_contributions()


def _await(lane: Lane, call: Future[ChannelHits], ctx: SearchContext) -> ChannelHits:
    try:
        return call.result(ctx.deadline.remaining_s())
    except Exception:  # every search will say so again, as `degraded`
        log.exception("warming failed: channel %s, snapshot %s", lane.name, ctx.snapshot.id)
        return ChannelHits.nothing(lane.name, ChannelStatus.FAILED)


def _samples(snapshot: Snapshot, tables: Tables) -> Iterator[SearchContext]:
    """A search for the first document, from where it lies, by somebody who liked it."""
    if not len(snapshot):
        return
    place = _place_of_first(snapshot.documents)
    terms = _terms_of_first(snapshot.documents)
    vector = _vector_of(snapshot, terms)
    query = Query(" ".join(terms), terms, tables.as_of_ms, origin=place, vector=vector)
    user, deadline = _admirer_of_first(snapshot.documents, tables), Deadline.after_ms(PATIENCE_MS)
    for filter_ in _one_of_each_kind(snapshot.documents):
        row_mask(filter_, snapshot.documents)
    near = row_mask(Within(place.lat, place.lon, RADIUS_KM), snapshot.documents)
    for mask in (None, near):
        yield SearchContext("warm", query, user, snapshot, tables, deadline, mask)


def _vector_of(snapshot: Snapshot, terms: Sequence[str]) -> F32 | None:
    """Return a query's vector; of an encoder of others any will do, for theirs may not answer."""
    if isinstance(snapshot.encoder, TextEncoder):
        vectors = snapshot.documents.vectors
        return None if vectors is None else np.array(vectors[0])
    return query_vector(snapshot.encoder, "", terms)


def _place_of_first(documents: Documents) -> GeoPoint:
    if documents.has_places:
        lat, lon = float(documents.numbers["lat"][0]), float(documents.numbers["lon"][0])
        if np.isfinite(lat) and np.isfinite(lon):
            return GeoPoint(lat, lon)
    return GeoPoint(0.0, 0.0)


def _one_of_each_kind(documents: Documents) -> Iterator[Filter]:
    schema = documents.schema
    for numeric in schema.of_type(*NUMERIC)[:1]:
        yield Range(numeric.name, 0.0)
    for keyword in schema.of_type(FieldType.KEYWORD)[:1]:
        names = documents.keywords[keyword.name].names.strings
        yield OneOf(keyword.name, tuple(names[i] for i in range(min(1, len(names)))))
    yield Box(-90.0, -180.0, 90.0, 180.0)


def _terms_of_first(documents: Documents) -> tuple[str, ...]:
    columns = (column.tokens[0] for column in documents.tokens.values())
    ids = next((tokens for tokens in columns if tokens.size), ())
    return tuple(dict.fromkeys(documents.terms.strings[int(i)] for i in ids))[:TERMS]


def _admirer_of_first(documents: Documents, tables: Tables) -> UserState:
    rows, gains = np.zeros(1, np.int32), np.ones(1, np.float32)
    tastes = {name: preference(documents, name, rows, gains) for name in documents.keywords}
    return UserState("warm", rows, np.full(1, tables.as_of_ms, np.int64), gains, tastes)
