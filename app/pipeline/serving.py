"""One set of versions that serves, the frame of a request that it answers, and the answer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.query import Deadline, Query
from app.pipeline.search import Search, SearchResult
from app.rank.choosing import Chosen
from app.rank.experiments import Assigned
from app.rank.explanation import Explanation
from app.rank.ranker import Ranker
from app.snapshot.asking import Person, long_term
from app.snapshot.context import SearchContext
from app.snapshot.people import user_state
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from app.snapshot.visible import visible_rows


@dataclass(frozen=True, slots=True)
class Serving:
    """One set of versions, whole and verified."""

    snapshot: Snapshot
    tables: Tables
    search: Search
    ranker: Ranker | None  # None: fused order
    release_id: str | None


@dataclass(frozen=True, slots=True)
class Framed:
    """A request, understood: what answers it, and who ranks it."""

    serving: Serving
    ctx: SearchContext
    by: Chosen


@dataclass(frozen=True, slots=True)
class Answer:
    """What one search gave, with the versions that gave it."""

    ctx: SearchContext
    result: SearchResult
    timings_ms: Mapping[str, float]  # understand, recall, merge, rank, select
    took_ms: float
    explanation: Explanation | None = None  # of the page, where it was asked for and ranked
    assigned: Assigned | None = None  # the experiment that chose the release
    next_cursor: str | None = None  # leads to what comes after the page
    ranker: Ranker | None = None  # who ranked it; None: fused order


def make_context(
    serving: Serving,
    query: Query,
    deadline: Deadline,
    release_id: str | None,
    person: Person | None = None,
    missing: tuple[str, ...] = (),
    request_id: str | None = None,
) -> SearchContext:
    """Put the user's state together, evaluate filters and removing rules, once a request.

    Without a `person` it is who the tables know by these ids; without a `request_id` it is drawn.
    """
    documents = serving.snapshot.documents
    removed = serving.search.selection.rules.removal(query, documents)
    person = person or long_term(serving.tables, query.user_id, query.client_id)
    return SearchContext(
        request_id=request_id or os.urandom(8).hex(),
        query=query,
        user=user_state(person, serving.tables, documents, query.now_ms),
        snapshot=serving.snapshot,
        tables=serving.tables,
        deadline=deadline,
        mask=visible_rows(query.filters, serving.snapshot, removed),
        release_id=release_id,
        event_seq=person.seq,
        missing=missing,
    )
