"""Callers who send the half of a body and no more."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import httpx


@contextmanager
def half_sent(
    client: httpx.Client,
    count: int,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    length: int,
) -> Iterator[list[socket.socket]]:
    """Open so many connections, each with all of `body` sent where `length` bytes are promised.

    When they are handed over the service has read what was sent, or is about to.
    """
    told = {"Host": "here", **headers, "Content-Length": str(length)}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    where = (client.base_url.host, client.base_url.port)
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(where, 30)) for _ in range(count)]
        for one in opened:
            one.sendall(request)
        client.get("/livez")
        yield opened
