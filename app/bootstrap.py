"""The composition root: settings and artifacts in, a ready engine out. It alone knows concretes.

An Engine holds one `Serving` (a snapshot, the tables, the wired search, the loaded releases) and
swaps it as a whole: a request keeps the one that it began with, whatever is published meanwhile.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from app.corpus.document_log import DocumentLog
from app.domain.dotted import load
from app.domain.errors import NothingServes, UnknownName
from app.domain.query import Deadline
from app.merge.merger import Merger
from app.pipeline.explain import explain_page
from app.pipeline.search import Search, SearchResult
from app.pipeline.serving import Serving, make_context
from app.pipeline.warm import warm, warm_ranker
from app.query.understand import SearchRequest, understand
from app.rank.explanation import Explanation
from app.rank.local import LocalRanker
from app.rank.ranker import Keep, Ranker
from app.rank.remote import RemoteRanker
from app.rank.shelf import RankerShelf
from app.recall.crew import Berth, Crew
from app.recall.fanout import Fanout, Lane
from app.settings import Settings
from app.snapshot.attempts import Attempts
from app.snapshot.context import SearchContext
from app.snapshot.opening import open_snapshot, open_tables
from app.snapshot.recent import Recent
from app.snapshot.snapshot import Snapshot
from app.snapshot.stores import Stores
from app.snapshot.tables import Tables

RANK_THREADS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What one search gave, with the versions that gave it."""

    ctx: SearchContext
    result: SearchResult
    timings_ms: Mapping[str, float]  # understand, recall, merge, rank, select
    took_ms: float
    explanation: Explanation | None = None  # of the page, where it was asked for and ranked


class Engine:
    """Answers searches from the published artifacts and follows what is published."""

    def __init__(
        self, settings: Settings, data: Path, models: Path, key: str | None = None
    ) -> None:
        self.settings = settings
        self.stores = Stores.under(data, models, settings.rank.model)
        self.document_log = DocumentLog.open(data, settings.store.address)
        self.serving: Serving | None = None
        self._swapping = threading.Lock()
        self.recent = Recent()  # what served lately: a ranker answers older gateways from it
        self.attempts = Attempts()  # to open artifacts, and what came of those that failed
        enabled = {name: c.threads for name, c in settings.channels.items() if c.enabled}
        # "" is no channel's name
        self._crew = Crew({**enabled, "": RANK_THREADS}, len(os.sched_getaffinity(0)))
        self._threads = {name: self._crew.berths[name] for name in enabled}
        self.rank_threads = self._crew.berths[""]
        self.shelf = RankerShelf(
            self.stores.releases, self.attempts, self.rank_threads,
            partial(warm_ranker, channels=[*self._threads]),
        )  # fmt: skip
        url, patience_ms = settings.rank.url, settings.rank.timeout_ms
        self._remote = RemoteRanker(url, patience_ms, key) if url is not None else None

    def acquire(self) -> Serving:
        """Pin the current versions, or raise NothingServes."""
        if self.serving is None:
            why = "; ".join(self.attempts.problems.values())
            raise NothingServes(why or f"no snapshot under {self.stores.snapshots.root} yet")
        return self.serving

    async def search(
        self,
        request: SearchRequest,
        now_ms: int | None = None,
        *,
        rank: bool = True,
        keep: Keep | None = None,
        missing: tuple[str, ...] = (),
    ) -> Answer:
        """Answer one request, by pseudonyms. Raises InvalidQuery, UnknownName or NothingServes.

        `keep` says whose features shall come with the result, None asks for none; `missing` what
        could not be found out about the request.
        """
        started = time.perf_counter()
        serving = self.acquire()
        self._check_channels(request)
        now_ms = int(time.time() * 1e3) if now_ms is None else now_ms
        query = understand(request, serving.snapshot, now_ms, self.settings.merge.max_candidates)
        timeout_ms = min(request.timeout_ms or 6e4, self.settings.service.timeout_ms)
        deadline = Deadline.after_ms(timeout_ms)
        ranker, release_id = (
            await self._ranker_for(serving, request.release, deadline) if rank else (None, None)
        )
        ctx = make_context(serving, query, deadline, release_id, missing=missing)
        understood_ms = (time.perf_counter() - started) * 1e3
        result = await serving.search.run(ctx, ranker, request.channels, keep)
        timings = {"understand": understood_ms, **result.timings_ms}
        why = None
        if request.explain:
            result, why = await explain_page(ctx, result, ranker)
        return Answer(ctx, result, timings, (time.perf_counter() - started) * 1e3, why)

    def refresh(self) -> bool:
        """Follow the stores: load what was newly published and swap. True if anything changed.

        What cannot be opened is named in `attempts` and the versions before go on serving.
        """
        now = self.serving
        stores = self.stores
        snapshot_id, tables_id = stores.snapshots.current_id(), stores.tables.current_id()
        if now and (snapshot_id, tables_id, stores.releases.current_id()) == _ids(now):
            return False
        snapshot = self._open_snapshot(snapshot_id)
        if snapshot is None:
            return False
        tables = self._open_tables(tables_id, snapshot)
        is_same = now and now.snapshot is snapshot and now.tables is tables
        search = now.search if now and is_same else self._wire(snapshot, tables)
        self._current_release(snapshot, tables)  # opened before anybody has to wait for it
        self.recent.add(snapshot, tables)
        with self._swapping:
            release_id, ranker = self._current_release(snapshot, tables)
            self.serving = fresh = Serving(snapshot, tables, search, ranker, release_id)
        return now is None or _ids(now) != _ids(fresh)

    def follow_release(self) -> None:
        """Take up the published release alone: at once, where it is open.

        What is being answered ends by the release that it began with.
        """
        with self._swapping:
            now = self.acquire()
            release_id, ranker = self._current_release(now.snapshot, now.tables)
            self.serving = replace(now, ranker=ranker, release_id=release_id)

    async def disconnect(self) -> None:
        """Close the connections that belong to the running event loop."""
        if self._remote is not None:
            await self._remote.close()

    def close(self) -> None:
        self._crew.close()
        self.shelf.close()
        self.document_log.close()

    def _check_channels(self, request: SearchRequest) -> None:
        for name in request.channels or ():
            if name not in self._threads:
                raise UnknownName("channel", name, f"known: {', '.join(self._threads)}")

    async def _ranker_for(
        self, serving: Serving, release_id: str | None, deadline: Deadline
    ) -> tuple[Ranker | None, str | None]:
        if release_id is None or release_id == serving.release_id:
            return serving.ranker, serving.release_id
        held = await self.shelf.opened(release_id, serving.snapshot, serving.tables, deadline)
        return self._remote or held.ranker, release_id

    def _open_snapshot(self, snapshot_id: str | None) -> Snapshot | None:
        now = self.serving
        if snapshot_id is None or (now and now.snapshot.id == snapshot_id):
            return now.snapshot if now else None
        path = self.stores.snapshots.root / snapshot_id
        return self.attempts.attempt(
            snapshot_id, now.snapshot if now else None, lambda: open_snapshot(path)
        )

    def _open_tables(self, tables_id: str | None, snapshot: Snapshot) -> Tables:
        now = self.serving
        same_snapshot = now is not None and now.snapshot is snapshot
        if now and same_snapshot and now.tables.id == tables_id:
            return now.tables
        fallback = now.tables if now and same_snapshot else Tables.empty(len(snapshot))
        if tables_id is None:
            return fallback
        return self.attempts.attempt(
            f"{tables_id} on {snapshot.id}",
            fallback,
            lambda: open_tables(self.stores.tables.path(tables_id), snapshot.documents),
        )

    def _current_release(
        self, snapshot: Snapshot, tables: Tables
    ) -> tuple[str | None, Ranker | None]:
        """Return the published release and its ranker; those before where it is refused."""
        now = self.serving
        before = now.release_id if now else None
        for candidate in (self.stores.releases.current_id(), before):
            held = candidate and self.shelf.ready_or_none(candidate, snapshot, tables)
            if held and (candidate == before or self._ranker_follows(held.release.id)):
                return held.release.id, self._remote or held.ranker
        return None, None

    def _ranker_follows(self, release_id: str) -> bool:
        """Tell whether the ranker service has it open too; until then the one before serves."""
        why = self._remote.lacks(release_id) if self._remote and self.serving else None
        self.attempts.wait(release_id, why)
        return why is None

    def is_ready(self, release_id: str) -> bool:
        """Tell whether a release could rank the next search at once."""
        now = self.serving
        return now is not None and self.shelf.find(release_id, now.snapshot) is not None

    def local_ranker(
        self, release_id: str, snapshot: Snapshot, tables: Tables | None = None
    ) -> LocalRanker:
        """Return a release ready to rank a snapshot. Takes its time where it is not open yet."""
        held = self.shelf.ready(release_id, snapshot, tables or Tables.empty(len(snapshot)))
        return held.ranker

    def _wire(self, snapshot: Snapshot, tables: Tables) -> Search:
        lanes = open_lanes(self.settings, snapshot, tables, self._threads)
        merger, most = make_merger(self.settings), self.settings.merge.max_candidates
        search = Search(Fanout(lanes), merger, most)
        warm(search, snapshot, tables)
        return search


def _ids(serving: Serving) -> tuple[str, str | None, str | None]:
    return serving.snapshot.id, serving.tables.id, serving.release_id


def open_lanes(
    settings: Settings,
    snapshot: Snapshot,
    tables: Tables,
    threads: Mapping[str, Berth],
    patience_ms: float | None = None,
) -> list[Lane]:
    """Open every enabled channel that the snapshot has a part of.

    `patience_ms` replaces the channels' time limits where nobody waits: training, evaluation.
    """
    return [
        Lane(
            name,
            load(c.kind).open(snapshot, tables, snapshot.part(name), c.own),
            c.k,
            patience_ms or c.timeout_ms,
            threads[name],
        )
        for name, c in settings.channels.items()
        if c.enabled and name in snapshot.manifest["channels"]
    ]


def make_merger(settings: Settings) -> Merger:
    weights = {name: c.weight for name, c in settings.channels.items()}
    merger: Merger = load(settings.merge.kind)(weights=weights, **settings.merge.options)
    return merger
