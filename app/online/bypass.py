"""Calls past the event loop: a connection that begins with one gets a thread of its own.

Why, and what it saves: docs/adr/0048-rank-calls-past-the-event-loop.md.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

from app.online.protocol import HEAD_S, HttpProtocol
from app.online.telemetry import RequestLines
from app.online.threaded import Answers, Calls, Connection, Handed, Way

MOST = 64  # threads; later connections are the event loop's


class Bypass:
    """Looks at a service's connections as they begin."""

    def __init__(self, answers: Answers, lines: RequestLines) -> None:
        self.calls = Calls(answers, lines)
        self.first_line = self.calls.first_line
        self.places = threading.Semaphore(MOST)

    def protocol(self, *, server_state: Any, **told: Any) -> asyncio.Protocol:
        """Stand where uvicorn's own protocol stands, and be that for whatever else comes."""
        return _Door(self, server_state, lambda: HttpProtocol(server_state=server_state, **told))

    def serve(self, connection: Connection, server: Any) -> None:
        """Do what its thread does: uvicorn waits for the end of what stands in its set."""
        try:
            connection.serve()
        finally:
            server.connections.discard(connection)
            self.places.release()


class _Door(asyncio.Protocol):
    """Whose a connection is, by its first bytes."""

    def __init__(
        self, bypass: Bypass, server: Any, ordinary: Callable[[], asyncio.Protocol]
    ) -> None:
        self._bypass, self._server, self._ordinary = bypass, server, ordinary

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)
        self._waiting = asyncio.get_running_loop().call_later(HEAD_S, self.shutdown)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.cancel()
        self._server.connections.discard(self)

    def shutdown(self) -> None:
        """End it, as uvicorn ends what is idle."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._waiting.cancel()
        self._server.connections.discard(self)
        bypass = self._bypass
        is_call = data.startswith(bypass.first_line) and bypass.places.acquire(blocking=False)
        if not (is_call and self._is_taken(data)):
            Handed(self._ordinary(), data).connection_made(self._transport)

    def _is_taken(self, data: bytes) -> bool:
        """Go on with a descriptor of our own; the loop closes its own and knows no more of it.

        False where there is no descriptor or no thread to be had: then it stays the loop's.
        """
        self._transport.pause_reading()
        try:
            opened = self._transport.get_extra_info("socket").dup()
        except OSError:
            return self._is_left(None)
        way = Way(asyncio.get_running_loop(), self._ordinary)
        connection = Connection(opened, data, self._bypass.calls, way, self._server)
        self._server.connections.add(connection)
        work = (connection, self._server)
        try:
            threading.Thread(target=self._bypass.serve, args=work, name="call", daemon=True).start()
        except RuntimeError:
            self._server.connections.discard(connection)
            return self._is_left(opened)
        self._transport.abort()
        return True

    def _is_left(self, opened: socket.socket | None) -> bool:
        if opened is not None:
            opened.close()
        self._bypass.places.release()
        self._transport.resume_reading()
        return False
