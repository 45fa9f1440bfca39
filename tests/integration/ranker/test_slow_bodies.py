"""Bodies that are still coming in: they take nothing from callers who send whole ones."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.online.ranker.main import create_app
from tests.builders.half_sent import half_sent
from tests.builders.processes import KEY, free_port, services
from tests.builders.rank_places import BINARY
from tests.builders.servers import make_engine, running
from tests.builders.waiting import until

ALLOWED = {**BINARY, "Authorization": f"Bearer {KEY}"}
ORDINARY = {"X-Request-Source": "tests"}  # a header that the bypass does not read
ROOM = 1 << 20
SENT = ROOM // 4 + 1


@pytest.mark.parametrize("headers", [ALLOWED, {**ALLOWED, **ORDINARY}], ids=["bypass", "loop"])
def test_two_hundred_half_bodies_turn_no_whole_one_away(data: Path, asked, headers):
    body = asked[2]
    with services(data, [("ranker", free_port())]) as [served]:
        client = served.client
        half = body[: len(body) // 2]
        with half_sent(client, 200, "/v1/rank", half, headers, len(body)):
            for also in ({}, ORDINARY) * 20:
                answer = client.post("/v1/rank", content=body, headers={**BINARY, **also})
                assert answer.status_code == 200, answer.text


def test_where_half_bodies_fill_the_room_the_oldest_are_given_up(data: Path, asked):
    engine = make_engine(data)
    app = create_app(engine, engine.settings, None)
    incoming = app.state.service.incoming
    incoming.most = ROOM
    headers = {**BINARY, **ORDINARY}
    half = ("/v1/rank", b"x" * SENT, headers, ROOM)
    with running(app) as client, half_sent(client, 3, *half) as slow:
        until(lambda: incoming.size == 3 * SENT)
        with half_sent(client, 6, *half):
            for one in slow:
                told = _all_of(one)
                assert told.startswith(b"HTTP/1.1 503")
                assert b"retry-after: 1" in told
                assert b"connection: close" in told
                assert b"bodies that are coming in" in told
            for _ in range(5):
                answer = client.post("/v1/rank", content=asked[2], headers=headers)
                assert answer.status_code == 200, answer.text
            assert incoming.size <= ROOM
    engine.close()


def _all_of(connection: socket.socket) -> bytes:
    """Read what they say until they hang up."""
    told = b""
    while more := connection.recv(1 << 16):
        told += more
    return told
