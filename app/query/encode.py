"""Vectors of queries from encoders that take long: beside the event loop, within their time.

A search whose vector does not come goes on without: the vector channel is skipped, and the answer
says `encoder:unavailable`.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app.corpus.encoder import TextEncoder, reads_text
from app.domain.errors import EncoderUnavailable
from app.domain.query import Deadline, Query
from app.query.understand import SearchRequest, understand
from app.snapshot.snapshot import Snapshot

log = logging.getLogger(__name__)

UNAVAILABLE = "encoder:unavailable"
THREADS = 4  # they mostly wait for another machine


class QueryEncoding:
    """Threads of its own, so that an encoder that hangs holds up nothing but vectors."""

    def __init__(self, max_candidates: int) -> None:
        self._max_candidates = max_candidates  # where ranked paging ends
        self._threads = ThreadPoolExecutor(THREADS, "encode")

    async def understood(
        self, request: SearchRequest, snapshot: Snapshot, now_ms: int, deadline: Deadline
    ) -> tuple[Query, tuple[str, ...]]:
        """Return the query with its vector, and what is missing of it. Raises as `understand`.

        A vector is waited for as long as its encoder says, and for half of what is left at most.
        """
        encoder = snapshot.encoder
        if not reads_text(encoder):
            return understand(request, snapshot, now_ms, self._max_candidates), ()
        query = understand(request, snapshot, now_ms, self._max_candidates, encodes=False)
        if not query.terms:
            return query, ()
        patience_ms = min(encoder.patience_ms, deadline.remaining_s() * 1e3 / 2)
        return await self._add_vector(query, encoder, patience_ms)

    async def _add_vector(
        self, query: Query, encoder: TextEncoder, patience_ms: float
    ) -> tuple[Query, tuple[str, ...]]:
        call = asyncio.get_running_loop().run_in_executor(
            self._threads, encoder.encode_query, query.reading.rest
        )
        try:
            vector = await asyncio.wait_for(call, patience_ms / 1e3)
        except TimeoutError:
            log.warning("the encoder gave no vector within %g ms", patience_ms)
            return query, (UNAVAILABLE,)
        except EncoderUnavailable as error:
            log.warning("%s; searching without a vector", error)
            return query, (UNAVAILABLE,)
        return replace(query, vector=vector), ()

    def close(self) -> None:
        """Wait for nobody: an encoder may hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)
