"""Ranks in another process, over HTTP. What it costs and why so: docs/adr/0006-ranker-hop.md.

The thread that asks waits: docs/adr/0042-ranker-call-on-a-thread.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import numpy as np

from app.domain.arrays import F32, I64
from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery, RankerBusy, RankerUnavailable, VersionUnknown
from app.rank.breaker import Breaker
from app.rank.call import asking_why, encode_call
from app.rank.connection import Address, Connections
from app.rank.explanation import Explanation
from app.rank.follow import lacking
from app.rank.ranker import Keep, Ranking
from app.rank.reply import RankReply, decode_reply
from app.rank.sound import is_answer
from app.snapshot.context import SearchContext

T = TypeVar("T")

PATH = "/v1/rank"
MEDIA_TYPE = "application/octet-stream"


class RemoteRanker:
    """A ranker service as a Ranker, for any number of threads."""

    def __init__(
        self, url: str, timeout_ms: float, key: str | None = None, threads: Executor | None = None
    ) -> None:
        """`threads` wait for answers that are asked for on an event loop; None: the loop's own."""
        self.url = url.rstrip("/")
        self.timeout_s = timeout_ms / 1e3
        self.breaker = Breaker()
        self.threads = threads
        self._key = key
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._connections = Connections(Address.of(url, "rank.url"), PATH, headers)

    def again(self) -> RemoteRanker:
        """Return another client of the same service: connections and breaker are its own."""
        return RemoteRanker(self.url, self.timeout_s * 1e3, self._key, self.threads)

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        """Return (n,) finite scores. Raises as `ranking` does."""
        return (await self.rank_keeping(ctx, candidates, None)).scores

    async def rank_keeping(
        self, ctx: SearchContext, candidates: CandidateSet, keep: Keep | None
    ) -> Ranking:
        """Do as `ranking` does, on a thread."""
        return await self._on_a_thread(ctx, partial(self.ranking, ctx, candidates, keep))

    async def explain(
        self, ctx: SearchContext, candidates: CandidateSet, places: I64, against: int | None = None
    ) -> Explanation:
        """Say why the candidates at `places` have their scores. Raises as `ranking` does."""
        work = partial(self._explanation, ctx, candidates, places, against)
        return await self._on_a_thread(ctx, work)

    def ranking(
        self, ctx: SearchContext, candidates: CandidateSet, keep: Keep | None = None
    ) -> Ranking:
        """Return finite scores, and the features of what shall be kept. This thread waits.

        Raises TimeoutError at the request's deadline or after `timeout_ms`, VersionUnknown where
        the service holds other versions, RankerBusy where it turns the call away,
        RankerUnavailable for everything else.
        """
        reply = self._reply(ctx, candidates, keep)
        return Ranking(reply.scores, reply.feature_names, reply.places, reply.features, reply.lists)

    def lacks(self, release_id: str) -> str | None:
        """Say why the service cannot rank by a release yet, see follow. Blocks for a moment."""
        return lacking(self.url, self._key, release_id)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._connections.close()

    async def _on_a_thread(self, ctx: SearchContext, work: Callable[[], T]) -> T:
        """Wait no longer than the request may, however long the thread waits for its name."""
        call = asyncio.get_running_loop().run_in_executor(self.threads, work)
        async with asyncio.timeout(ctx.deadline.remaining_s()):
            return await call

    def _explanation(
        self, ctx: SearchContext, candidates: CandidateSet, places: I64, against: int | None
    ) -> Explanation:
        why = asking_why(candidates, places, against)
        reply = self._reply(ctx, candidates, None, why)
        shape = (places.size, len(reply.feature_names))
        tables = [reply.contributions, *([] if against is None else [reply.differences])]
        if not np.array_equal(reply.places, places) or any(t.shape != shape for t in tables):
            raise RankerUnavailable(f"the ranker at {self.url} explains other rows than were asked")
        return Explanation(
            reply.feature_names, places, reply.scores[places], reply.features, reply.base_score,
            reply.contributions, reply.differences,
        )  # fmt: skip

    def _reply(
        self,
        ctx: SearchContext,
        candidates: CandidateSet,
        keep: Keep | None,
        why: Mapping[str, Any] | None = None,
    ) -> RankReply:
        """Ask, with the breaker and the deadline, and refuse what is no answer to it."""
        allowed_s = min(self.timeout_s, ctx.deadline.remaining_s())
        is_patient = allowed_s >= self.timeout_s / 2  # else the request is short of time
        if not self.breaker.lets_through(time.monotonic(), is_patient):
            raise RankerUnavailable(
                f"the ranker at {self.url} failed {self.breaker.failures} times"
            )
        try:
            body = encode_call(ctx, candidates, min(allowed_s * 1e3, 6e4), keep, why)
            status, answer = self._connections.post(body, allowed_s)
            reply = self._checked(ctx, len(candidates), status, answer)
        except (VersionUnknown, RankerBusy):
            self.breaker.succeeded()  # it is alive
            raise
        except TimeoutError:
            if is_patient:
                self.breaker.failed(time.monotonic())
            raise
        except (OSError, RankerUnavailable) as error:
            self.breaker.failed(time.monotonic())
            raise RankerUnavailable(f"the ranker at {self.url}: {error}") from None
        except BaseException:
            self.breaker.abandoned()
            raise
        self.breaker.succeeded()
        return reply

    def _checked(self, ctx: SearchContext, n: int, status: int, answer: bytes) -> RankReply:
        """Refuse every reply that is not these candidates' scores by these versions."""
        if status == HTTPStatus.CONFLICT:
            raise VersionUnknown(f"the ranker at {self.url}: {_words(answer)}")
        if status == HTTPStatus.SERVICE_UNAVAILABLE and b":overloaded" in answer:
            raise RankerBusy(f"the ranker at {self.url}: {_words(answer)}")
        if status != HTTPStatus.OK:
            raise RankerUnavailable(f"it answers {status}: {_words(answer)}")
        try:
            reply = decode_reply(answer)
        except InvalidQuery as error:
            raise RankerUnavailable(f"it answers nonsense: {error}") from None
        given = (
            reply.request_id, reply.snapshot_id, reply.log_seq, reply.tables_id, reply.release_id,
        )  # fmt: skip
        asked = (
            ctx.request_id, ctx.snapshot.id, ctx.snapshot.log_seq, ctx.tables.id, ctx.release_id,
        )  # fmt: skip
        if given != asked:
            raise RankerUnavailable(f"it answers for {given}, asked was {asked}")
        _refuse_nonsense(reply, n)
        return reply


def _refuse_nonsense(reply: RankReply, n: int) -> None:
    """Finite scores; features as one line a place, each place once. More does no harm."""
    scores, places, features = reply.scores, reply.places, reply.features
    fits = places.ndim == 1 and features.shape == (places.size, len(reply.feature_names))
    if scores.shape == (n,) and (fits or not places.size) and is_answer(scores, places):
        return
    raise RankerUnavailable(
        f"it answers nonsense: {scores.shape} scores for {n} rows, or some that are no numbers, or "
        f"features {features.shape} of {len(reply.feature_names)} names for {places.size} rows, "
        "which are others or twice the same"
    )


def _words(answer: bytes) -> str:
    """The start of what it said, as one line for the log."""
    return " ".join(answer[:300].decode("utf-8", "replace").split())
