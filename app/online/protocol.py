"""HTTP/1.1 as uvicorn reads it, and what people and their machines stumble over in that.

An URL may be typed as it is read, in UTF-8; what is no HTTP is refused as everything else is, with
what is wrong with it; and a connection on which no request comes to its end is closed.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.online.problems import Problem

HEAD_S = 10.0  # for all headers of a request; twice that where the connection served one before
ASCII = bytes(range(128))
SHOWN = 100  # characters of what the parser said, which may hold a whole URL
REMEDY = (
    "write spaces in the URL as %20 and keep it below 64 KiB; no TLS here: http://, not https://"
)


class HttpProtocol(HttpToolsProtocol):
    """One connection. uvicorn makes it, and calls it on its event loop."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._is_between = True  # requests
        self._last = self.cycle  # the request that was there when it was looked at
        self._watch = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_between and not data.isascii():
            data = escaped(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._is_between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_between = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP. uvicorn calls it where its parser gave up."""
        response = _no_http(str(sys.exception() or msg)).response()
        headers = [*self.server_state.default_headers, *response.raw_headers]
        lines = [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[400], *lines, b"\r\n", bytes(response.body)]))
        self.transport.close()

    def _look(self) -> None:
        """Close the connection where nothing was asked since it was looked at."""
        if self.cycle is self._last and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
            return
        self._last = self.cycle
        self._watch = self.loop.call_later(HEAD_S, self._look)


def escaped(data: bytes) -> bytes:
    """Write as %XX what is not ASCII in the first line of a request, which holds its URL."""
    first, end, rest = data.partition(b"\r\n")
    return quote_from_bytes(first, safe=ASCII).encode() + end + rest


def _no_http(why: str) -> Problem:
    shown = why if len(why) <= SHOWN else f"{why[:SHOWN]}…"
    return Problem(
        400, "malformed-request", f"this is no HTTP/1.1 request: {shown}",
        {"Connection": "close"}, field="request", value=None, limit="HTTP/1.1", remedy=REMEDY,
    )  # fmt: skip
