"""An open-loop client: requests leave when they are due, whatever became of those before.

Latency counts from the moment a request was due, so that waiting behind a slow one is not left
out. A client that waits for each answer before it asks again slows down with what it measures.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import orjson

from app.domain.arrays import F64

LEAD_S = 0.05  # between "now" and the first request
PATIENCE_S = 20.0  # for answers that are still out when the last request has left

Check = Callable[[int, bytes], str | None]
"""Status and body to what is wrong, None where nothing is."""


@dataclass(slots=True)
class Phase:
    """What came of one stretch of load."""

    rate: float  # requests a second, asked for
    latencies_ms: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    client_us: float = 0.0  # processor time of this process, a request

    def at(self, percent: float) -> float:
        """Return a percentile in ms; a request without an answer is as late as can be."""
        late = [PATIENCE_S * 1e3] * len(self.troubles)
        return float(np.percentile([*self.latencies_ms, *late], percent))


def event_loop() -> asyncio.AbstractEventLoop:
    """Make a loop whose timers are exact: epoll rounds them up to whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def arrivals(count: int, rate: float, order: random.Random) -> F64:
    """Return seconds from the start at which requests are due: a Poisson process. (count,)"""
    return np.cumsum([order.expovariate(rate) for _ in range(count)])


def post(path: str, body: dict[str, object]) -> bytes:
    """Write a request out beforehand, as it goes over the wire."""
    content = orjson.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def load(port: int, requests: Sequence[bytes], due: F64, rate: float, check: Check) -> Phase:
    """Send each request when it is due, over as many kept connections as that takes."""
    phase, client = Phase(rate), _Client(port)
    loop, spent = asyncio.get_running_loop(), time.process_time()
    start = loop.time() + LEAD_S
    calls = []
    for after, request in zip(due.tolist(), requests, strict=True):
        await asyncio.sleep(start + after - loop.time())
        calls.append(loop.create_task(_one(client, request, start + after, phase, check)))
    await asyncio.wait(calls, timeout=PATIENCE_S)
    for call in calls:
        if not call.done():
            call.cancel()
            phase.troubles.append("no answer")
    client.close()
    phase.client_us = (time.process_time() - spent) / len(requests) * 1e6
    return phase


async def in_turn(port: int, requests: Sequence[bytes], check: Check) -> Phase:
    """Send each request when the one before is answered, over one connection."""
    phase, client, spent = Phase(0.0), _Client(port), time.process_time()
    for request in requests:
        await _one(client, request, asyncio.get_running_loop().time(), phase, check)
    client.close()
    phase.client_us = (time.process_time() - spent) / len(requests) * 1e6
    return phase


async def _one(client: _Client, request: bytes, due: float, phase: Phase, check: Check) -> None:
    try:
        status, body = await client.ask(request)
    except OSError as error:
        phase.troubles.append(f"{type(error).__name__}: {error}")
        return
    taken = asyncio.get_running_loop().time() - due
    trouble = check(status, body)
    if trouble is None:
        phase.latencies_ms.append(round(taken * 1e3, 3))
    else:
        phase.troubles.append(trouble)


class _Client:
    """Idle connections, the last used first."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[_Connection] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        connection = self._kept() or await self._opened()
        answer = await connection.ask(request)
        self.idle.append(connection)
        return answer

    def close(self) -> None:
        for connection in self.idle:
            connection.transport.close()

    def _kept(self) -> _Connection | None:
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def _opened(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self.port)
        return connection


class _Connection(asyncio.Protocol):
    """HTTP/1.1, one request at a time; answers have a Content-Length."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.received = bytearray()
        self.answer: asyncio.Future[tuple[int, bytes]]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self.received.clear()
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head) and not self.answer.done():
            self.answer.set_result((int(head[9:12]), bytes(body)))

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "answer") and not self.answer.done():
            self.answer.set_exception(ConnectionResetError("the service hung up"))


def _length(head: bytearray) -> int:
    after = bytes(head).lower().partition(b"content-length:")[2]
    return int(after.split(b"\r\n", 1)[0])
