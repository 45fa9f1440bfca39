"""Pages of one list: seals what comes after a page, and turns to it, whatever serves by then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import orjson

from app.corpus.secret import shared_secret
from app.domain.errors import CorruptArtifact, CursorGone, InvalidQuery, VersionUnknown
from app.domain.query import Deadline
from app.domain.user import UserState
from app.pipeline.cursor import Pinned, key_of, request_digest, seal, unseal
from app.pipeline.paging import pin, turn
from app.pipeline.search import Search, SearchResult
from app.pipeline.serving import Serving
from app.query.understand import SearchRequest, understand
from app.snapshot.context import SearchContext
from app.snapshot.opening import open_snapshot
from app.snapshot.recent import Recent
from app.snapshot.snapshot import Snapshot
from app.snapshot.stores import Stores
from app.snapshot.tables import Tables
from app.snapshot.visible import visible_rows

KEY_FILE = "cursor.key"
OPENED = 2  # snapshots that were replaced and are opened again for those who are still reading


@dataclass(frozen=True, slots=True)
class Page:
    ctx: SearchContext
    result: SearchResult
    next_cursor: str | None
    took_ms: float
    timings_ms: Mapping[str, float]


class Pages:
    """The pages of one engine. Processes that share a data directory share their cursors."""

    def __init__(self, data: Path, stores: Stores, recent: Recent) -> None:
        self._key = key_of(shared_secret(data / KEY_FILE))
        self._recent = recent
        self._reopened = lru_cache(OPENED)(
            lambda snapshot_id: open_snapshot(stores.snapshots.root / snapshot_id)
        )

    def seal(self, request: SearchRequest, ctx: SearchContext, result: SearchResult) -> str | None:
        """Return the cursor of what comes after a page, None after the last. Some 20 µs.

        Of a relaxed search too there is none: its request is to go on with all that was asked.
        """
        if ctx.query.relaxed:
            return None
        pinned = pin(ctx, result, _digest(request))
        return None if pinned is None else seal(pinned, self._key)

    async def turn(self, request: SearchRequest, serving: Serving, now_ms: int) -> Page:
        """Return the page that the request's cursor leads to.

        Raises InvalidQuery for a cursor that is none of ours, CursorGone where what it pins is
        no longer there.
        """
        if request.offset:
            remedy = "leave one of the two out"
            raise InvalidQuery("offset", request.offset, "a cursor knows where it is", remedy)
        pinned = unseal(request.cursor or "", self._key, _digest(request), now_ms)
        return await asyncio.to_thread(self._turn, request, pinned, serving)

    def _turn(self, request: SearchRequest, pinned: Pinned, serving: Serving) -> Page:
        started = time.perf_counter()
        snapshot, tables, search = self._view(pinned, serving)
        query = understand(request, snapshot, pinned.now_ms, encodes=False)
        rules = serving.search.selection.rules
        removed = rules.removal(query, snapshot.documents)
        ctx = SearchContext(
            request_id=pinned.request.hex(), query=query, user=UserState.stranger(),
            snapshot=snapshot, tables=tables, deadline=Deadline.after_ms(60_000.0),
            mask=visible_rows(query.filters, snapshot, removed), release_id=pinned.release_id,
        )  # fmt: skip
        if pinned.rows.size and int(pinned.rows.max()) >= len(snapshot):
            raise CursorGone("what this cursor pins is no longer held here; search again")
        result, left = turn(pinned, ctx, search)
        if not query.sort:
            result = replace(result, moved=rules.touching(query, snapshot.documents, result.rows))
        took_ms = (time.perf_counter() - started) * 1e3
        token = None if left is None else seal(left, self._key)
        shown = replace(ctx, query=replace(query, offset=pinned.offset))  # ranks go on
        return Page(shown, result, token, took_ms, {"select": took_ms})

    def _view(self, pinned: Pinned, serving: Serving) -> tuple[Snapshot, Tables, Search | None]:
        """Return the pinned view, or a later one of the same snapshot: rows mean the same there."""
        now = serving.snapshot
        if now.id == pinned.snapshot_id and now.log_seq >= pinned.log_seq:
            return now, serving.tables, serving.search
        versions = pinned.snapshot_id, pinned.log_seq, pinned.tables_id
        try:
            return *self._recent.find(*versions, lambda following, seq: False), None
        except VersionUnknown:
            pass
        try:
            own = self._reopened(pinned.snapshot_id)
        except (CorruptArtifact, OSError) as error:
            raise CursorGone(f"what this cursor pins is gone ({error}); search again") from None
        return own, Tables.empty(len(own)), None


def _digest(request: SearchRequest) -> bytes:
    """Name a search by all that decides its matches and their order but the person."""
    origin = request.origin and [request.origin.lat, request.origin.lon]
    facts = [
        request.text, request.filters, request.sort, request.group_by, origin, request.radius_km,
        request.channels, request.release, request.correct,
    ]  # fmt: skip
    return request_digest(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))
