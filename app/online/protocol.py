"""HTTP/1.1 as uvicorn reads it, and what people and their machines stumble over in that.

An URL may be typed as it is read, in UTF-8; what is no HTTP is refused as everything else is, with
what is wrong with it; and a connection on which no request comes to its end is closed.
"""

from __future__ import annotations

import asyncio
import re
import sys
from enum import Enum, auto
from typing import cast
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.online.problems import Problem

HEAD_S = 10.0  # for all headers of a request; twice that where the connection served one before
ASCII = bytes(range(128))
END = b"\r\n\r\n"  # of a request's head
LINE_ENDS = re.compile(rb"[\r\n]+")
SHOWN = 100  # characters of what the parser said, which may hold a whole URL
REMEDY = (
    "write spaces in the URL as %20 and keep it below 64 KiB; no TLS here: http://, not https://"
)


class _Part(Enum):
    """What of a request comes next."""

    START = auto()
    LINE = auto()  # more of its first line
    HEAD = auto()
    BODY = auto()


class HttpProtocol(HttpToolsProtocol):
    """One connection. uvicorn makes it, and calls it on its event loop."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._reads, self._left = _Part.START, 0
        self._refusal = b""  # to be sent after the answers that are awaited
        self._last = self.cycle  # the request that was there when it was looked at
        self._watch = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self._refusal and not self.transport.is_closing():
            part = data[at : self._cut(data, at)]
            at += len(part)
            self._left = max(self._left - len(part), 0)
            super().data_received(self._in_ascii(part))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._reads, self._left = _Part.BODY, int(dict(self.headers).get(b"content-length", 0))

    def on_message_complete(self) -> None:
        self._reads, self._left = _Part.START, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal and self.cycle.response_complete:
            self._hang_up(self._refusal)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP. uvicorn calls it where its parser gave up."""
        response = _no_http(str(sys.exception() or msg)).response()
        headers = [*self.server_state.default_headers, *response.raw_headers]
        lines = [b"%s: %s\r\n" % header for header in headers]
        refusal = b"".join([STATUS_LINE[400], *lines, b"\r\n", bytes(response.body)])
        if self.cycle is None or self.cycle.response_complete:
            self._hang_up(refusal)
        elif self._reads is not _Part.BODY:
            self._refusal = refusal  # what is awaited are answers to earlier requests
        else:
            is_awaited = self.pipeline or self.cycle.response_started
            self._hang_up(b"" if is_awaited else refusal)

    def _hang_up(self, last: bytes) -> None:
        if last and not self.transport.is_closing():
            self.transport.write(last)
        self.transport.close()

    def _cut(self, data: bytes, at: int) -> int:
        """Return up to where the bytes from `at` on are of one request: then comes another's URL.

        The parser, which knows best, does not say where it is. Without a length a request ends with
        an empty line, of which the beginning may have come before: any line end may be the last.
        """
        if self._left:
            return at + self._left
        if begins := LINE_ENDS.match(data, at):
            return begins.end()
        ends = data.find(END, at)
        return len(data) if ends < 0 else ends + len(END)

    def _in_ascii(self, part: bytes) -> bytes:
        """Return bytes of one request, with its first line in ASCII."""
        is_empty = self._reads is _Part.START and part[0] in END  # lines that the parser skips
        if is_empty or self._reads in (_Part.HEAD, _Part.BODY):
            return part
        self._reads = _Part.HEAD if b"\n" in part else _Part.LINE
        return part if part.isascii() else escaped(part)

    def _look(self) -> None:
        """Close the connection where nothing was asked since it was looked at."""
        if self.cycle is self._last and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
            return
        self._last = self.cycle
        self._watch = self.loop.call_later(HEAD_S, self._look)


def escaped(data: bytes) -> bytes:
    """Write as %XX what is not ASCII in the first line of a request, which holds its URL."""
    first, end, rest = data.partition(b"\n")
    return quote_from_bytes(first, safe=ASCII).encode() + end + rest


def _no_http(why: str) -> Problem:
    shown = why if len(why) <= SHOWN else f"{why[:SHOWN]}…"
    return Problem(
        400, "malformed-request", f"this is no HTTP/1.1 request: {shown}",
        {"Connection": "close"}, field="request", value=None, limit="HTTP/1.1", remedy=REMEDY,
    )  # fmt: skip
