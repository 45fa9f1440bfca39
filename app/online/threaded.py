"""One connection that a thread of its own serves: calls of one form, answered where they are read.

HTTP/1.1 as strictly as can be: a head of a few known headers that ends with the body's length, and
the body, soon. Whatever else comes, the connection goes back to the event loop with all that was
read. What a call is answered with is what the ordinary way answers: the same bodies and headers.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from starlette.requests import Request

from app.online.problems import problem_of
from app.online.telemetry import Facts, RequestLines, server_timing

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 8 << 10
READ_BYTES = 1 << 16
IDLE_S = 5.0  # as the event loop's server waits for another request
SOON_S = 0.5  # for the rest of a request that has begun
READ_HEADERS = frozenset(
    (b"host", b"content-type", b"accept", b"accept-encoding", b"authorization", b"user-agent")
)
UNHEARD_OF = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
"""Line ends of which other readers might make other lines."""
LENGTH, END = b"\r\nContent-Length: ", b"\r\n\r\n"


class Answers(Protocol):
    """Who answers the calls of one path, on any thread."""

    path: str
    max_body_bytes: int

    def accepts(self, request: Request) -> bool:
        """Tell by its headers whether a request is such a call. May raise as a route does."""
        ...

    def answer(self, body: bytes, loop: asyncio.AbstractEventLoop) -> Answered:
        """Answer with 200. Raises as a route does."""
        ...


class Answered(NamedTuple):
    """What a call is answered with, and what is left to do once it is sent."""

    body: bytes
    media_type: str
    note: Callable[[], Facts]  # counts it, and says what stands in the log


@dataclass(frozen=True, slots=True)
class Calls:
    """What connections share."""

    answers: Answers
    lines: RequestLines

    @property
    def first_line(self) -> bytes:
        return f"POST {self.answers.path} HTTP/1.1".encode()


class Way(NamedTuple):
    """The event loop's way to serve a connection."""

    loop: asyncio.AbstractEventLoop
    protocol: Callable[[], asyncio.Protocol]

    def take(self, opened: socket.socket, data: bytes) -> None:
        """Give it a connection, and what was read of its next request. From any thread."""
        asyncio.run_coroutine_threadsafe(self._take(opened, data), self.loop)

    async def _take(self, opened: socket.socket, data: bytes) -> None:
        opened.setblocking(False)
        await self.loop.connect_accepted_socket(lambda: Handed(self.protocol(), data), opened)


class Handed(asyncio.Protocol):
    """Says to a protocol what was read before it came, and leaves the connection to it."""

    def __init__(self, protocol: asyncio.Protocol, data: bytes) -> None:
        self.protocol, self.data = protocol, data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.protocol.connection_made(transport)
        transport.set_protocol(self.protocol)
        if self.data:
            self.protocol.data_received(self.data)


class Connection:
    """One connection. `serve` is its thread's work; `shutdown` ends it, from any thread."""

    def __init__(
        self, opened: socket.socket, data: bytes, calls: Calls, ordinary: Way, server: Any
    ) -> None:
        """`data` was read already; `server`: uvicorn's state of its server."""
        self._socket, self._data, self._calls = opened, data, calls
        self._ordinary, self._server = ordinary, server
        self._known = b""  # a head that was accepted, without its length
        self._is_ending = False

    def shutdown(self) -> None:
        """End it after the call that is being answered."""
        self._is_ending = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def serve(self) -> None:
        """Answer one call after another until either side has enough."""
        is_ours = True
        try:
            while is_ours and not self._is_ending and (self._data or self._reads(IDLE_S)):
                is_ours = self._one()
        except OSError:
            pass  # they hung up, or said nothing for long
        finally:
            self._leave(is_ours)

    def _leave(self, is_ours: bool) -> None:
        """Close what is ours, whatever happened; the rest goes on elsewhere."""
        if is_ours:
            self._socket.close()
        else:
            with suppress(RuntimeError):  # the loop has ended
                self._ordinary.take(self._socket, self._data)

    def _one(self) -> bool:
        """Answer a call. False: what was read is none of ours, or is not whole in time."""
        until_s = time.monotonic() + SOON_S
        while (ends := self._data.find(END)) < 0:
            if len(self._data) > MAX_HEAD_BYTES or not self._reads_on(until_s):
                return False
        length = self._length(self._data[:ends])
        if length is None:
            return False
        begins = ends + len(END)
        while len(self._data) < begins + length:
            if not self._reads_on(until_s):
                return False
        body = self._data[begins : begins + length]
        self._data = self._data[begins + length :]
        self._answer(body)
        return True

    def _reads_on(self, until_s: float) -> bool:
        """Read more of what has begun. False where nothing comes."""
        try:
            return self._reads(max(until_s - time.monotonic(), 1e-3))
        except TimeoutError:
            return False

    def _reads(self, within_s: float) -> bool:
        """Read more. False at the end. Raises TimeoutError, which is an OSError."""
        self._socket.settimeout(within_s)
        more = self._socket.recv(READ_BYTES)
        self._data = self._data + more if self._data else more
        return bool(more)

    def _length(self, head: bytes) -> int | None:
        """Return the length of a call's body; None where the head is of any other form."""
        known, _, digits = head.rpartition(LENGTH)
        if not known or known != self._known:
            told = self._told(head)
            if told is None:
                return None
            self._known, digits = (known if digits == told else b""), told
        most = self._calls.answers.max_body_bytes
        is_number = digits.isdigit() and len(digits) <= len(str(most))
        return int(digits) if is_number and int(digits) <= most else None

    def _told(self, head: bytes) -> bytes | None:
        """Read a head that was not seen before: the length, where it is a call's that may be."""
        answers = self._calls.answers
        first, _, rest = head.partition(b"\r\n")
        parted = [line.partition(b":") for line in rest.split(b"\r\n")]
        headers = {name.lower(): value.strip() for name, _, value in parted}
        is_plain = all(colon for _, colon, _ in parted) and not UNHEARD_OF.search(rest)
        if first != self._calls.first_line or len(headers) != len(parted) or not is_plain:
            return None
        length = headers.pop(b"content-length", None)
        is_kept = headers.pop(b"connection", b"keep-alive") == b"keep-alive"
        if not is_kept or b"host" not in headers or not READ_HEADERS.issuperset(headers):
            return None
        scope = {"type": "http", "method": "POST", "path": answers.path}
        try:
            accepted = answers.accepts(Request({**scope, "headers": list(headers.items())}))
        except Exception:
            return None  # the ordinary way says what is wrong with it
        return length if accepted else None

    def _answer(self, body: bytes) -> None:
        """Answer a call. Nobody waits for what is counted and logged afterwards."""
        started = time.perf_counter()
        try:
            answered = self._calls.answers.answer(body, self._ordinary.loop)
        except Exception as error:
            self._refuse(error, started)
            return
        seconds = time.perf_counter() - started
        length, kind = b"%d" % len(answered.body), answered.media_type.encode()
        headers = [(b"content-length", length), (b"content-type", kind)]
        try:
            self._send(HTTPStatus.OK, headers, answered.body, seconds)
        finally:
            self._log(HTTPStatus.OK, seconds, len(answered.body), answered.note())

    def _refuse(self, error: Exception, started: float) -> None:
        problem = problem_of(error)
        response = problem.response()
        status, body = HTTPStatus(response.status_code), bytes(response.body)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.exception("%s failed", self._calls.answers.path, exc_info=error)
        seconds = time.perf_counter() - started
        try:
            self._send(status, response.raw_headers, body, seconds)
            if response.headers.get("connection") == "close":
                raise ConnectionError("hung up, as the answer says")
        finally:
            self._log(status, seconds, len(body), {"problem": problem.kind})

    def _send(
        self, status: HTTPStatus, headers: list[tuple[bytes, bytes]], body: bytes, seconds: float
    ) -> None:
        timing = (b"server-timing", server_timing({}, seconds))
        lines = [
            b"HTTP/1.1 %d %s" % (status, status.phrase.encode()),
            *map(b"%s: %s".__mod__, (*self._server.default_headers, *headers, timing)),
        ]
        self._socket.settimeout(IDLE_S)
        self._socket.sendall(b"\r\n".join(lines) + END + body)

    def _log(self, status: int, seconds: float, sent: int, facts: Facts) -> None:
        path = self._calls.answers.path
        self._calls.lines.write("POST", path, status, seconds, sent, facts)
