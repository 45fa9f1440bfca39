"""One set of versions that serves, and the frame of a request that it answers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from app.domain.query import Deadline, Query
from app.pipeline.search import Search
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


def make_context(
    serving: Serving,
    query: Query,
    deadline: Deadline,
    release_id: str | None,
    person: Person | None = None,
    missing: tuple[str, ...] = (),
) -> SearchContext:
    """Put the user's state together and evaluate the filters, once a request.

    Without a `person` it is who the tables know by these ids.
    """
    documents = serving.snapshot.documents
    person = person or long_term(serving.tables, query.user_id, query.client_id)
    return SearchContext(
        request_id=secrets.token_hex(8),
        query=query,
        user=user_state(person, serving.tables, documents, query.now_ms),
        snapshot=serving.snapshot,
        tables=serving.tables,
        deadline=deadline,
        mask=visible_rows(query.filters, serving.snapshot),
        release_id=release_id,
        event_seq=person.seq,
        missing=missing,
    )
