"""A connection that a thread of its own serves, whatever becomes of it."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from app.online.telemetry import Facts
from app.online.threaded import Answered, Calls, Connection, Way


class Uncounted:
    """Answers, and fails at counting what it answered."""

    path, max_body_bytes = "/v1/rank", 100

    def accepts(self, request: Any) -> bool:
        return True

    def answer(self, body: bytes, loop: asyncio.AbstractEventLoop) -> Answered:
        def note() -> Facts:
            raise ValueError("no such metric")

        return Answered(body.upper(), "text/plain", note)


def test_a_call_that_cannot_be_counted_is_answered_and_its_connection_closed() -> None:
    ours, theirs = socket.socketpair()
    call = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    never: Any = None
    calls = Calls(Uncounted(), never)
    server = SimpleNamespace(default_headers=[])
    with theirs, pytest.raises(ValueError, match="no such metric"):
        Connection(ours, call, calls, Way(never, never), server).serve()
    assert ours.fileno() == -1
