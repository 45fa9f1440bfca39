"""Requests over one connection, cut anywhere on their way and sent without waiting for answers."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Any
from urllib.parse import unquote

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from app.online.protocol import HttpProtocol

BODY = '{"title": "茶馆\\n"}\r\n\r\nGET /茶 HTTP/1.1\r\n\r\n'.encode()
KINDS = {
    "get": ("GET /火锅?q=附近的火锅 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), b""),
    "plain": (b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    "no headers": ("GET /茶 HTTP/1.1\r\n\r\n".encode(), b""),
    "after empty lines": ("\r\n\r\nGET /茶 HTTP/1.1\r\nHost: 茶\r\n\r\n".encode(), b""),
    "length": (
        "PUT /茶 HTTP/1.1\r\nContent-Length: %d\r\n\r\n".encode() % len(BODY) + BODY, BODY
    ),
    "chunks": (
        "POST /茶 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY, len(BODY), BODY), 2 * BODY,
    ),
}  # fmt: skip
END = b"GET /end HTTP/1.1\r\nConnection: close\r\n\r\n"


def exchange(*sent: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return what the application was asked (URL, body), and what came back until the end."""
    asked: list[tuple[str, bytes]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            if part["type"] == "http.disconnect":
                return
            body, more = body + part["body"], part["more_body"]
        asked.append((unquote(f"{scope['path']}?{scope['query_string'].decode()}"), body))
        await asyncio.sleep(0.01)  # what follows is read before this is answered
        length = (b"content-length", b"%d" % len(scope["path"].encode()))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    async def talk() -> bytes:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        config = uvicorn.Config(application, log_level="critical", lifespan="off")
        loop, state = asyncio.get_running_loop(), ServerState()
        _, protocol = await loop.connect_accepted_socket(
            lambda: HttpProtocol(config=config, server_state=state, app_state={}), ours
        )
        for part in sent:
            protocol.data_received(part)
        came = b""
        with theirs:
            while part := await loop.sock_recv(theirs, 65536):
                came += part
        return came

    return asked, asyncio.run(asyncio.wait_for(talk(), 30))


def statuses(came: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3})", came)


def expected(kind: str) -> tuple[str, bytes]:
    sent, body = KINDS[kind]
    target = sent.lstrip().split(b" ")[1].decode()
    return (target if "?" in target else f"{target}?"), body


@settings(max_examples=60, deadline=None)
@given(kinds=st.lists(st.sampled_from([*KINDS]), max_size=4), data=st.data())
def test_where_requests_are_cut_changes_nothing(kinds: list[str], data: st.DataObject) -> None:
    whole = b"".join(KINDS[kind][0] for kind in kinds) + END
    cuts = data.draw(st.lists(st.integers(1, len(whole) - 1), max_size=8).map(sorted))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    asked, came = exchange(*filter(None, parts))
    assert asked == [*map(expected, kinds), ("/end?", b"")]
    assert statuses(came) == [b"200"] * len(asked)


@pytest.mark.parametrize("kind", KINDS)
def test_requests_may_come_byte_by_byte(kind: str) -> None:
    whole = 2 * KINDS[kind][0] + END
    asked, _ = exchange(*(whole[at : at + 1] for at in range(len(whole))))
    assert asked == [expected(kind), expected(kind), ("/end?", b"")]


@pytest.mark.parametrize("kinds", [["get"], ["length", "get"]])
@pytest.mark.parametrize("is_cut", [False, True])
def test_what_is_refused_is_answered_in_its_turn(kinds: list[str], is_cut: bool) -> None:
    sent = [*(KINDS[kind][0] for kind in kinds), b"\x16\x03\x01", END]
    asked, came = exchange(*sent if is_cut else [b"".join(sent)])
    assert asked == [*map(expected, kinds)]
    assert statuses(came) == [*(b"200" for _ in kinds), b"400"]


@pytest.mark.parametrize(("before", "answers"), [(b"", [b"400"]), (KINDS["get"][0], [])])
def test_a_body_that_breaks_off_is_never_answered_for_another(
    before: bytes, answers: list[bytes]
) -> None:
    broken = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n"
    asked, came = exchange(before + broken)
    assert statuses(came) == answers
    assert ("/x?", b"") not in asked
