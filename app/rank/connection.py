"""HTTP/1.1 calls by a thread that waits for the answer, over connections that stay open.

Why so, and what it costs beside an asynchronous client: docs/adr/0042-ranker-call-on-a-thread.md.
"""

from __future__ import annotations

import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httptools

from app.domain.errors import InvalidInput

READ_BYTES = 1 << 16
MAX_ANSWER_BYTES = 1 << 20
MAX_IDLE = 64
KEPT_ALIVE_S = 3.0  # less than the 5 s after which the service hangs up


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens."""

    host: str
    port: int
    prefix: str  # of every path
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, setting: str) -> Address:
        """Read http://HOST:PORT. Raises InvalidInput naming the setting."""
        try:
            parts = urlsplit(url)
            port = parts.port  # ValueError beyond 65535
        except ValueError as error:
            raise InvalidInput(f"{setting} = {url!r}: {error}; write http://HOST:PORT") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise InvalidInput(f"{setting} = {url!r}: write http://HOST:PORT")
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        return cls(parts.hostname, port or (443 if tls else 80), parts.path.rstrip("/"), tls)

    def __str__(self) -> str:
        """Write HOST:PORT as the Host header has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def connect(self, until_s: float) -> socket.socket:
        """Open a connection to one of the name's addresses, in random order: they share the load.

        Each has its share of the time that is left, so that one which is silent leaves time for
        the others. Raises the last one's error where none accepts, TimeoutError at the end of
        the time. The name is looked up for as long as the system allows.
        """
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        problem: OSError = ConnectionError(f"{self.host} has no address")
        random.shuffle(found)
        for tried, (family, kind, protocol, _, place) in enumerate(found):
            share_s = _left_s(until_s) / (len(found) - tried)
            try:
                opened = socket.socket(family, kind, protocol)
                return self._connected(opened, place, time.monotonic() + share_s)
            except OSError as error:
                problem = error
        raise problem

    def _connected(self, opened: socket.socket, place: Any, until_s: float) -> socket.socket:
        try:
            opened.settimeout(_left_s(until_s))
            opened.connect(place)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(_left_s(until_s))
            return self.tls.wrap_socket(opened, server_hostname=self.host) if self.tls else opened
        except BaseException:
            opened.close()
            raise


class Connections:
    """Calls of one service. Any number of threads; each holds a connection while it waits."""

    def __init__(self, address: Address, path: str, headers: Mapping[str, str]) -> None:
        """Post to one path. `headers` beside Host and Content-Length."""
        self.address = address
        lines = [
            f"POST {address.prefix}{path} HTTP/1.1",
            f"Host: {address}",
            *(f"{name}: {value}" for name, value in headers.items()),
            "Content-Length: ",
        ]
        self._head = "\r\n".join(lines).encode()
        self._idle: deque[_Connection] = deque()

    def post(self, body: bytes, allowed_s: float) -> tuple[int, bytes]:
        """Return status and body of the answer.

        Raises TimeoutError after `allowed_s`, and OSError for everything else that goes wrong. A
        connection that was closed meanwhile is replaced: the call must do no harm when it is sent
        twice.
        """
        until_s = time.monotonic() + allowed_s
        request = b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        idle = self._taken()
        if idle is not None:
            with suppress(_HungUp):
                return self._asked(idle, request, until_s)
        return self._asked(_Connection(self.address.connect(until_s)), request, until_s)

    def close(self) -> None:
        """Close what is idle. Calls under way end by themselves."""
        while (idle := self._popped()) is not None:
            idle.close()

    def _asked(self, on: _Connection, request: bytes, until_s: float) -> tuple[int, bytes]:
        try:
            answer = on.ask(request, until_s)
        except BaseException:
            on.close()
            raise
        if on.stays_open and len(self._idle) < MAX_IDLE:
            self._idle.append(on)
        else:
            on.close()
        return answer

    def _taken(self) -> _Connection | None:
        """Take the one that waits longest, so that all instances of a service are asked in turn."""
        while (idle := self._popped()) is not None:
            if time.monotonic() - idle.used_s < KEPT_ALIVE_S:
                return idle
            idle.close()
        return None

    def _popped(self) -> _Connection | None:
        try:
            return self._idle.popleft()
        except IndexError:
            return None


class _HungUp(ConnectionError):
    """The other side closed before it said a word: nothing is known to have been done."""


class _Connection:
    """One open connection and the answer that is being read from it: callbacks of the parser."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._answer = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._size = 0
        self._is_whole = False
        self.stays_open = False
        self.used_s = 0.0

    def ask(self, request: bytes, until_s: float) -> tuple[int, bytes]:
        """Send a request and wait for its answer."""
        self._parts, self._size, self._is_whole = [], 0, False
        self._send(request, until_s)
        self._answer = answer = httptools.HttpResponseParser(self)  # while the other side works
        try:
            while not self._is_whole:
                answer.feed_data(self._read(until_s))
        except httptools.HttpParserError as error:
            raise ConnectionError(f"it does not speak HTTP: {error}") from None
        self.used_s = time.monotonic()
        return answer.get_status_code(), b"".join(self._parts)

    def close(self) -> None:
        self._socket.close()

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        self._is_whole = True
        self.stays_open = self._answer.should_keep_alive()  # afterwards it says no

    def _send(self, request: bytes, until_s: float) -> None:
        try:
            self._socket.settimeout(_left_s(until_s))
            self._socket.sendall(request)
        except ConnectionError as error:
            raise _HungUp(str(error)) from None

    def _read(self, until_s: float) -> bytes:
        try:
            self._socket.settimeout(_left_s(until_s))
            part = self._socket.recv(READ_BYTES)
        except ConnectionError as error:
            if not self._size:
                raise _HungUp(str(error)) from None
            raise
        if not part:
            raise (ConnectionError if self._size else _HungUp)("it hung up")
        self._size += len(part)
        if self._size > MAX_ANSWER_BYTES:
            raise ConnectionError(f"it answers more than {MAX_ANSWER_BYTES} bytes")
        return part


def _left_s(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("no answer in time")
    return left_s
