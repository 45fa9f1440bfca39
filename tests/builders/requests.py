"""A request's frame, as the gateway would make it."""

from __future__ import annotations

from typing import Any

from app.corpus.encoding import query_vector
from app.domain.filters import Filter
from app.domain.query import Deadline, GeoPoint, Query
from app.domain.user import UserState
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from app.snapshot.visible import visible_rows

NOW_MS = 1_760_000_000_000


def make_context(
    snapshot: Snapshot,
    text: str = "",
    *,
    tables: Tables | None = None,
    user: UserState | None = None,
    origin: tuple[float, float] | None = None,
    filters: Filter | None = None,
    now_ms: int = NOW_MS,
    **query: Any,
) -> SearchContext:
    """Analyse and encode `text` with the snapshot's own objects."""
    reading = snapshot.reader.read(snapshot.analyzer.normalise(text))
    terms = snapshot.analyzer.query_terms(reading.rest, snapshot.documents.schema.analyzers)
    return SearchContext(
        request_id="test",
        query=Query(
            text=snapshot.analyzer.normalise(text),
            terms=terms,
            now_ms=now_ms,
            origin=GeoPoint(*origin) if origin else None,
            vector=query_vector(snapshot.encoder, text, terms),
            filters=filters,
            reading=reading,
            **query,
        ),
        user=user or UserState.stranger(),
        snapshot=snapshot,
        tables=tables or Tables.empty(len(snapshot)),
        deadline=Deadline.after_ms(60_000),
        mask=visible_rows(filters, snapshot),
    )
