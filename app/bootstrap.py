"""The composition root: settings and artifacts in, a ready engine out. It alone knows concretes.

An Engine holds one `Serving` (a snapshot, the tables, the wired search, the loaded releases) and
swaps it as a whole: a request keeps the one that it began with, whatever is published meanwhile.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from app.corpus.document_log import DocumentLog
from app.corpus.following import Held
from app.domain.errors import NothingServes, UnknownName
from app.domain.live import LivePeople
from app.domain.pause import Pause, go_on
from app.domain.query import Deadline
from app.pipeline.explain import explain_page
from app.pipeline.rehearsal import rehearse_ranker
from app.pipeline.relaxed import frame_or_relax
from app.pipeline.serving import Answer, Framed, Serving, make_context
from app.pipeline.turning import Pages
from app.query.encode import UNAVAILABLE, QueryEncoding
from app.query.understand import SearchRequest
from app.rank.choosing import Choosing, Chosen
from app.rank.explanation import Explanation
from app.rank.local import LocalRanker
from app.rank.names import ReleaseNames
from app.rank.ranker import Keep, Ranker
from app.rank.remote import RemoteRanker
from app.rank.shelf import KEPT, RankerShelf
from app.rank.spare import SpareThreads, cores
from app.rank.standby import Standby
from app.recall.crew import Crew
from app.settings import Settings
from app.snapshot.asking import who_asks
from app.snapshot.attempts import Attempts
from app.snapshot.log_reader import LogReader
from app.snapshot.recent import Recent
from app.snapshot.snapshot import Snapshot
from app.snapshot.stores import Stores
from app.snapshot.tables import Tables
from app.wiring import Opened, Opener, experiments_of, standing_by, view_at, written_rules

LAG_S = 0.005  # that a rank call waits for a point of the log that was not read yet
RANK_THREADS = 2
CALLING_THREADS = 32  # where a service ranks: they only wait


class Engine:
    """Answers searches from the published artifacts and follows what is published and changed."""

    def __init__(
        self, settings: Settings, data: Path, models: Path, key: str | None = None
    ) -> None:
        self.settings = settings
        written_rules(settings)  # a wrong one is refused before anything is opened
        self.stores = Stores.under(data, models, settings.rank.model)
        self.document_log = DocumentLog.open(data, settings.store.address)
        self.reader = LogReader(self.document_log)
        self.serving: Serving | None = None
        self._opened: Opened | None = None  # what `serving` is a view of
        self._settled = 0  # the log as it was read when the view before was published
        self._swapping = threading.Lock()
        self.people: LivePeople | None = None  # what they did lately; None: tables alone say
        self.recent = Recent()  # what served lately: a ranker answers older gateways from it
        self.attempts = Attempts()  # to open artifacts, and what came of those that failed
        enabled = {name: c.threads for name, c in settings.channels.items() if c.enabled}
        ranking = RANK_THREADS if settings.rank.url is None else CALLING_THREADS
        self._crew = Crew({**enabled, "": ranking})  # "": no channel
        self._threads = {name: self._crew.berths[name] for name in enabled}
        self.rank_threads = self._crew.berths[""]
        names, experiments = ReleaseNames(models, settings.rank.model), experiments_of(settings)
        beside = standing_by(settings)
        self.shelf = RankerShelf(
            names, self.attempts, self.rank_threads,
            partial(rehearse_ranker, channels=[*self._threads]),
            SpareThreads(cores() - 1), KEPT + 2 * len(beside),
        )  # fmt: skip
        self._opener = Opener(settings, self.stores, self.attempts, self._threads, self.reader)
        self._encoding = QueryEncoding(settings.merge.max_candidates)
        self.pages = Pages(data, self.stores, self.recent)
        url, ms, threads = settings.rank.url, settings.rank.timeout_ms, self.rank_threads
        self._remote = None if url is None else RemoteRanker(url, ms, key, threads)
        standby = Standby(beside, names, self.shelf)
        self.choosing = Choosing(names, self.shelf, standby, experiments, self._remote)

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

        `keep`: whose features shall come with it; `missing`: what could not be found out before.
        """
        started = time.perf_counter()
        now_ms = int(time.time() * 1e3) if now_ms is None else now_ms
        if request.cursor is not None:
            self._check_channels(request)
            page = await self.pages.turn(request, self.acquire(), now_ms)
            return Answer(
                page.ctx, page.result, page.timings_ms, page.took_ms, next_cursor=page.next_cursor
            )
        frame = partial(self.frame, now_ms=now_ms, rank=rank, missing=missing)
        framed = await frame_or_relax(frame, request)
        ctx, by = framed.ctx, framed.by
        understood_ms = (time.perf_counter() - started) * 1e3
        keep = None if UNAVAILABLE in ctx.missing else keep  # training computes them with a vector
        result = await framed.serving.search.run(ctx, by.ranker, request.channels, keep)
        timings = {"understand": understood_ms, **result.timings_ms}
        why: Explanation | None = None
        if request.explain:
            result, why = await explain_page(ctx, result, by.ranker)
        cursor = self.pages.seal(request, ctx, result)
        took_ms = (time.perf_counter() - started) * 1e3
        return Answer(ctx, result, timings, took_ms, why, by.assigned, cursor, by.ranker)

    async def frame(
        self,
        request: SearchRequest,
        now_ms: int,
        *,
        rank: bool = True,
        missing: tuple[str, ...] = (),
    ) -> Framed:
        """Do of a search all that comes before its stages. Raises as `search` does."""
        serving = self.acquire()
        self._check_channels(request)
        timeout_ms = min(self.settings.service.timeout_ms, request.timeout_ms or 6e4)  # never NaN
        deadline, snapshot = Deadline.after_ms(timeout_ms), serving.snapshot
        query, unencoded = await self._encoding.understood(request, snapshot, now_ms, deadline)
        request_id = secrets.token_hex(8)
        by = await self._chosen(serving, request, request_id, deadline) if rank else Chosen()
        person, lacking = await who_asks(
            self.people, serving.tables, query.user_id, query.client_id, self.settings.state.newest
        )
        ctx = make_context(
            serving, query, deadline, by.release_id, person,
            (*missing, *self.reader.missing, *lacking, *unencoded), request_id,
        )  # fmt: skip
        return Framed(serving, ctx, by)

    def refresh(self) -> bool:
        """Swap to what was newly published; `attempts` names what failed. True if any changed."""
        changed, now = self._follow(), self.serving
        if now is not None:
            self.choosing.follow(now.snapshot, now.tables)
        return changed

    def _follow(self) -> bool:
        now = self.serving
        stores = self.stores
        snapshot_id, tables_id = stores.snapshots.current_id(), stores.tables.current_id()
        if now and (snapshot_id, tables_id, stores.releases.current_id()) == _ids(now):
            return False
        opened = self._opener.open(snapshot_id, tables_id, self._opened)
        if opened is None:
            return False
        following = opened.views.following
        # opened before anybody has to wait for it
        self._current_release(following.own, opened.views.own_tables)
        with self._swapping:
            self.reader.read([following])
            self._opened, self._settled = opened, following.seq
            self.recent.add(opened.views, time.monotonic())
            release_id, ranker = self._current_release(following.own, opened.views.own_tables)
            view, tables, search = view_at(opened, following.seq, opened.search)
            self.serving = fresh = Serving(view, tables, search, ranker, release_id)
        return now is None or _ids(now) != _ids(fresh)

    @property
    def has_caught_up(self) -> bool:
        """Tell whether the document log was read to its end since the start."""
        return self.reader.has_reached_end

    def read_log(self, pause: Pause = go_on) -> bool:
        """Read the document log's news, which searches see once published. Pauses between steps."""
        return self.reader.read(self.recent.followed(time.monotonic()), pause)

    def publish_view(self, pause: Pause = go_on) -> int | None:
        """Let searches see what was read of the log, in every channel at once.

        Returns when the oldest change had been accepted, epoch ms; None where nothing is new. With
        a ranker service a view waits for one round, in which the service reads as far.
        """
        with self._swapping:
            opened, now = self._opened, self.serving
            if opened is None or now is None:
                return None
            seq = opened.views.following.seq
            if self._remote is not None:
                seq, self._settled = self._settled, seq
            if seq <= now.snapshot.log_seq:
                return None
            view, tables, search = view_at(opened, seq, now.search, pause)
            self.serving = replace(now, snapshot=view, tables=tables, search=search)
            return self.reader.accepted_ms(now.snapshot.log_seq, seq)

    def follow_release(self) -> None:
        """Take up the published release alone; what is being answered ends by the one before."""
        with self._swapping:
            now = self.acquire()
            release_id, ranker = self._current_release(now.snapshot, now.tables)
            self.serving = replace(now, ranker=ranker, release_id=release_id)

    def version(
        self, snapshot_id: str, log_seq: int, tables_id: str | None
    ) -> tuple[Snapshot, Tables]:
        """Return the versions that a gateway names, or raise VersionUnknown after LAG_S at most."""
        return self.recent.find(
            snapshot_id, log_seq, tables_id,
            lambda following, seq: self.reader.wait(following, seq, LAG_S),
        )  # fmt: skip

    def held(self) -> Held | None:
        """Return what tables in use hold of the event log; None where nothing serves."""
        now = self.serving
        return Held(now.tables.whole_seq, self.recent.whole_seq) if now else None

    async def disconnect(self) -> None:
        """Close the connections that belong to the running event loop."""
        if self.people is not None:
            await self.people.close()

    def close(self) -> None:
        self._crew.close()
        if self._remote is not None:
            self._remote.close()
        self._encoding.close()
        self.shelf.close()
        self.document_log.close()

    def _check_channels(self, request: SearchRequest) -> None:
        for name in request.channels or ():
            if name not in self._threads:
                raise UnknownName("channel", name, f"known: {', '.join(self._threads)}")

    async def _chosen(
        self, serving: Serving, request: SearchRequest, request_id: str, deadline: Deadline
    ) -> Chosen:
        """Say who ranks: whom the request names, else its experiment's, else what serves."""
        serves, name = Chosen(serving.ranker, serving.release_id), request.release
        if name is None:
            return self.choosing.drawn(request.unit or request_id, serves, serving.snapshot)
        if name == serving.release_id:
            return serves
        return await self.choosing.named(name, serving.snapshot, serving.tables, deadline)

    def _current_release(
        self, snapshot: Snapshot, tables: Tables
    ) -> tuple[str | None, Ranker | None]:
        """Return the published release and its ranker; those before where it is refused."""
        before = self.serving.release_id if self.serving else None
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
        return self.shelf.ready(release_id, snapshot, tables or Tables.empty(len(snapshot))).ranker


def _ids(serving: Serving) -> tuple[str, str | None, str | None]:
    return serving.snapshot.id, serving.tables.id, serving.release_id
