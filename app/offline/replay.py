"""Runs the serving pipeline offline: the same recall, merge and features, without the deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from app.domain.arrays import F32, Rows
from app.domain.candidates import CandidateSet
from app.domain.changes import Entry
from app.domain.errors import LogTrimmed
from app.domain.query import Deadline, Query
from app.features.lookup import PairModel
from app.offline.past_people import PastPeople
from app.pipeline.rehearsal import follow
from app.pipeline.search import Search, SearchResult
from app.pipeline.serving import Serving, make_context
from app.query.understand import SearchRequest, understand
from app.rank.ranker import AsksModels, Ranker
from app.recall.crew import Crew
from app.recall.fanout import Fanout, Hits
from app.settings import Settings
from app.snapshot.asking import Asking, Person
from app.snapshot.context import SearchContext
from app.snapshot.following import Following
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from app.snapshot.views import Views
from app.wiring import make_merger, open_lanes

PATIENCE_MS = 600_000.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """A request answered offline up to the point where ranking begins."""

    ctx: SearchContext
    candidates: CandidateSet  # as serving would rank them
    extra: Rows  # judged rows that no channel returned


class Replay:
    """One snapshot with one set of tables. A context manager: it holds threads."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        tables: Tables,
        models: Mapping[str, PairModel] | None = None,
        people: PastPeople | None = None,
    ) -> None:
        """`models`: those that features ask, as old as the tables; they replace a ranker's own.

        `people`: what everybody did before each moment, beyond the tables; None: nothing is known.
        """
        self.models = models or {}
        self._people = people
        names = [n for n, c in settings.channels.items() if c.enabled]
        self._crew = Crew(dict.fromkeys(names, 1))
        lanes = open_lanes(settings, snapshot, tables, self._crew.berths, PATIENCE_MS)
        search = Search(Fanout(lanes), make_merger(settings), settings.merge.max_candidates)
        self._views: Views | None = None  # made when a view is shown
        self._own = self.serving = Serving(snapshot, tables, search, None, None)
        self._window = settings.merge.max_candidates
        self._newest = settings.state.newest
        # Not asyncio.Runner: it installs a signal handler a call, which prints every array: 16 ms.
        self._loop = asyncio.new_event_loop()

    @property
    def snapshot_id(self) -> str:
        return self._own.snapshot.id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.close()
        self._crew.close(wait=True)

    def show(self, seq: int, log: Callable[[int, int], Iterable[Entry]]) -> None:
        """Go to a point of the document log, whose entries after one number up to another `log`
        gives. Raises what that raises; then the snapshot alone is shown.
        """
        self.serving = own = self._own
        if seq <= own.snapshot.log_seq:
            return
        self._views = self._views or Views(Following(own.snapshot), own.tables)
        following = self._views.following
        following.take(list(log(following.seq, seq)))
        if following.seq < seq:
            raise LogTrimmed(f"the document log ends at {following.seq}, asked was {seq}")
        view, tables = self._views.at(seq)
        self.serving = Serving(view, tables, follow(own.search, view, tables), None, None)

    def context(
        self, request: SearchRequest, now_ms: int, event_seq: int | None = None
    ) -> SearchContext:
        """Make the frame of a request as of `event_seq`, or else of what was done before now_ms."""
        query = understand(request, self.serving.snapshot, now_ms, self._window, is_live=False)
        person = self._person(query, event_seq)
        return make_context(self.serving, query, Deadline.after_ms(PATIENCE_MS), None, person)

    def _person(self, query: Query, event_seq: int | None) -> Person | None:
        if self._people is None:
            return None
        asking = Asking(self.serving.tables, query.user_id, query.client_id)
        if event_seq is None:
            self._people.tell_before(asking, query.now_ms)
        else:
            self._people.tell_up_to(asking, event_seq)
        return asking.person(self._newest)

    def candidates(
        self, request: SearchRequest, now_ms: int, judged: Mapping[str, int]
    ) -> Replayed:
        """Recall and merge; judged documents that no channel found come along apart."""
        ctx = self.context(request, now_ms)
        candidates = self.recall(ctx)
        rows = ctx.snapshot.documents.ids.find_all(list(judged))
        return Replayed(ctx, candidates, np.setdiff1d(rows[rows >= 0], candidates.rows))

    def recall(self, ctx: SearchContext, only: Collection[str] | None = None) -> CandidateSet:
        """What serving would rank; `only` names the channels to ask."""
        return self._loop.run_until_complete(self.serving.search.candidates(ctx, only))[1]

    def hits(self, ctx: SearchContext) -> Hits:
        """What each channel finds, before it is merged."""
        return self._loop.run_until_complete(self.serving.search.fanout.recall(ctx))

    def score(self, ctx: SearchContext, candidates: CandidateSet, ranker: Ranker | None) -> F32:
        """Return (n,) scores, fused ones without a ranker.

        Raises what the ranker raises, where serving would fall back to fused order: what is
        measured is the ranker and nothing else.
        """
        if ranker is None or not len(candidates):
            return candidates.fused
        return self._loop.run_until_complete(self._of_the_moment(ranker).rank(ctx, candidates))

    def search(
        self,
        request: SearchRequest,
        now_ms: int,
        ranker: Ranker | None,
        only: Collection[str] | None = None,
    ) -> SearchResult:
        """The whole pipeline, as served."""
        if ranker is not None:
            ranker = self._of_the_moment(ranker)
        ctx = self.context(request, now_ms)
        return self._loop.run_until_complete(self.serving.search.run(ctx, ranker, only))

    def _of_the_moment(self, ranker: Ranker) -> Ranker:
        """Let it ask models as old as the tables: its own may have seen these lists."""
        if self.models and isinstance(ranker, AsksModels):
            return ranker.asking(self.models)
        return ranker
