"""Ranks in another process, over HTTP. What it costs and why so: docs/adr/0006-ranker-hop.md."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import numpy as np

from app.domain.arrays import F32, I64
from app.domain.candidates import CandidateSet
from app.domain.errors import (
    InvalidInput,
    InvalidQuery,
    RankerBusy,
    RankerUnavailable,
    VersionUnknown,
)
from app.rank.breaker import Breaker
from app.rank.call import asking_why, encode_call
from app.rank.explanation import Explanation
from app.rank.follow import lacking
from app.rank.ranker import Keep, Ranking
from app.rank.reply import RankReply, decode_reply
from app.snapshot.context import SearchContext

PATH = "/v1/rank"
MEDIA_TYPE = "application/octet-stream"
MAX_REPLY_BYTES = 1 << 20
MAX_CONNECTIONS = 64
KEPT_ALIVE_S = 3.0  # less than the 5 s after which the service hangs up


class RemoteRanker:
    """A ranker service as a Ranker. Connections belong to the event loop that first asks."""

    def __init__(self, url: str, timeout_ms: float, key: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidInput(f"rank.url = {url!r}: write http://HOST:PORT")
        self.url = url.rstrip("/")
        self.timeout_s = timeout_ms / 1e3
        self.breaker = Breaker()
        self._key = key
        self._headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._session: aiohttp.ClientSession | None = None

    def again(self) -> RemoteRanker:
        """Return another client of the same service: connections and breaker are its own."""
        return RemoteRanker(self.url, self.timeout_s * 1e3, self._key)

    async def rank(self, ctx: SearchContext, candidates: CandidateSet) -> F32:
        """Return (n,) finite scores. Raises as `rank_keeping` does."""
        return (await self.rank_keeping(ctx, candidates, None)).scores

    async def rank_keeping(
        self, ctx: SearchContext, candidates: CandidateSet, keep: Keep | None
    ) -> Ranking:
        """Return finite scores, and the features of what shall be kept.

        Raises TimeoutError at the request's deadline or after `timeout_ms`, VersionUnknown where
        the service holds other versions, RankerBusy where it turns the call away,
        RankerUnavailable for everything else.
        """
        reply = await self._reply(ctx, candidates, keep)
        return Ranking(reply.scores, reply.feature_names, reply.places, reply.features, reply.lists)

    async def explain(
        self, ctx: SearchContext, candidates: CandidateSet, places: I64, against: int | None = None
    ) -> Explanation:
        """Say why the candidates at `places` have their scores. Raises as `rank_keeping` does."""
        why = asking_why(candidates, places, against)
        reply = await self._reply(ctx, candidates, None, why)
        shape = (places.size, len(reply.feature_names))
        tables = [reply.contributions, *([] if against is None else [reply.differences])]
        if not np.array_equal(reply.places, places) or any(t.shape != shape for t in tables):
            raise RankerUnavailable(f"the ranker at {self.url} explains other rows than were asked")
        return Explanation(
            reply.feature_names, places, reply.scores[places], reply.features, reply.base_score,
            reply.contributions, reply.differences,
        )  # fmt: skip

    async def _reply(
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
        body = encode_call(ctx, candidates, min(allowed_s * 1e3, 6e4), keep, why)
        try:
            async with asyncio.timeout(allowed_s):
                status, answer = await self._post(body)
            reply = self._checked(ctx, len(candidates), status, answer)
        except (VersionUnknown, RankerBusy):
            self.breaker.succeeded()  # it is alive
            raise
        except TimeoutError:
            if is_patient:
                self.breaker.failed(time.monotonic())
            raise
        except (aiohttp.ClientError, OSError, RankerUnavailable) as error:
            self.breaker.failed(time.monotonic())
            raise RankerUnavailable(f"the ranker at {self.url}: {error}") from None
        except asyncio.CancelledError:
            self.breaker.abandoned()
            raise
        self.breaker.succeeded()
        return reply

    def lacks(self, release_id: str) -> str | None:
        """Say why the service cannot rank by a release yet, see follow. Blocks for a moment."""
        return lacking(self.url, self._key, release_id)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._session is None or self._session.closed:
            self._session = _session()
        async with self._session.post(
            f"{self.url}{PATH}", data=body, headers=self._headers, allow_redirects=False
        ) as response:
            length = response.content_length
            if length is None or length > MAX_REPLY_BYTES:
                raise RankerUnavailable(f"it answers {response.status} with {length} bytes")
            return response.status, await response.read()

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
        if reply.scores.shape != (n,) or not np.isfinite(reply.scores).all():
            raise RankerUnavailable(
                f"it answers nonsense: {reply.scores.shape} scores for {n} rows"
            )
        _refuse_misplaced(reply, n)
        return reply


def _refuse_misplaced(reply: RankReply, n: int) -> None:
    """Features come as one line a place, each place once. What was not asked for does no harm."""
    places, features = reply.places, reply.features
    fits = places.ndim == 1 and features.shape == (places.size, len(reply.feature_names))
    if places.size and (not fits or places.min() < 0 or places.max() >= n):
        raise RankerUnavailable(
            f"it answers nonsense: features {features.shape} of {len(reply.feature_names)} names "
            f"for {places.size} of {n} rows"
        )
    if np.unique(places).size != places.size:
        raise RankerUnavailable("it answers nonsense: the features of one row twice")


def _session() -> aiohttp.ClientSession:
    """Open a session on the running loop: no cookies, no proxies, our own deadline."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS, keepalive_timeout=KEPT_ALIVE_S, use_dns_cache=True
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _words(answer: bytes) -> str:
    """The start of what it said, as one line for the log."""
    return " ".join(answer[:300].decode("utf-8", "replace").split())
