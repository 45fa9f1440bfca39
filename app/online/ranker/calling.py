"""Rank calls of gateways, answered on the thread that reads them: Answers of the bypass."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

from starlette.requests import Request

from app.bootstrap import RANK_THREADS
from app.domain.query import Deadline
from app.online.access import media_type, refuse_foreign_page, require_key
from app.online.json_body import JSON
from app.online.ranker.work import NotOpen, open_missing, rank_in_time
from app.online.service import Service
from app.online.telemetry import Facts
from app.online.threaded import Answered
from app.rank.call import RankCall, decode_call
from app.rank.parts import warm
from app.rank.reply import RankReply, encode_reply, versions_of

BINARY = "application/octet-stream"
PATH = "/v1/rank"
MAX_CALL_BYTES = 4 << 20


class RankCalls:
    """Binary calls; those in JSON take the ordinary way."""

    path = PATH
    max_body_bytes = MAX_CALL_BYTES

    def __init__(self, service: Service) -> None:
        self._service = service
        self._timeout_ms = service.settings.service.timeout_ms
        self._turns = threading.Semaphore(RANK_THREADS)
        warm()

    def accepts(self, request: Request) -> bool:
        """Tell whether it is a binary call that is answered in binary. Raises Problem."""
        service = self._service
        require_key(request, service.key)
        refuse_foreign_page(request, service.settings.service.cors_origins, (BINARY,))
        return media_type(request) == BINARY and JSON not in request.headers.get("accept", "")

    def answer(self, body: bytes, loop: asyncio.AbstractEventLoop) -> Answered:
        """Rank, in turns. Raises as the route does."""
        service = self._service
        with service.admission.enter():
            until = Deadline.after_ms(self._timeout_ms)
            call = decode_call(body)
            try:
                reply = self._ranked(call, until)
            except NotOpen as missing:
                opening = open_missing(service.engine, missing, until)
                asyncio.run_coroutine_threadsafe(opening, loop).result()
                reply = self._ranked(call, until)
        return Answered(encode_reply(reply), BINARY, partial(self._note, reply))

    def _note(self, reply: RankReply) -> Facts:
        self._service.metrics.search({"rank": reply.elapsed_ms})
        return facts_of(reply)

    def _ranked(self, call: RankCall, until: Deadline) -> RankReply:
        if not self._turns.acquire(timeout=max(until.remaining_s(), 0.0)):
            raise TimeoutError("no thread was free to rank in time")
        try:
            return rank_in_time(self._service.engine, call, until)
        finally:
            self._turns.release()


def facts_of(reply: RankReply) -> Facts:
    """Say of a reply what stands in the log."""
    return {
        **versions_of(reply),
        "candidates": reply.scores.size,
        "rank_ms": round(reply.elapsed_ms, 3),
    }
