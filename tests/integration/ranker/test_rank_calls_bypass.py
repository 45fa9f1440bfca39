"""Calls on a thread of their connection: answered as the ordinary way answers, whatever comes."""

from __future__ import annotations

import socket
import threading
import time

import orjson
import pytest

from app.online.bypass import MOST
from app.rank.reply import decode_reply
from tests.builders.servers import ranker
from tests.builders.waiting import until

LINES = ("Host: here", "Content-Type: application/octet-stream",
         "Accept: application/octet-stream")  # fmt: skip
ORDINARY = "X-Request-Source: tests"  # a header that the bypass does not read


def written(body: bytes, *lines: str, first: str = "POST /v1/rank HTTP/1.1") -> bytes:
    head = "\r\n".join([first, *(lines or LINES), f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


class Wire:
    """A connection as bytes."""

    def __init__(self, client) -> None:
        self.opened = socket.create_connection((client.base_url.host, client.base_url.port), 10)
        self.data = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    def send(self, request: bytes) -> None:
        self.opened.sendall(request)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read the next answer. Raises EOFError where they hung up."""
        while b"\r\n\r\n" not in self.data:
            self._read()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (v.partition(": ") for v in lines)}
        length = int(headers["content-length"])
        while len(self.data) < length:
            self._read()
        body, self.data = self.data[:length], self.data[length:]
        return int(first.split()[1]), headers, body

    def _read(self) -> None:
        more = self.opened.recv(1 << 16)
        if not more:
            raise EOFError
        self.data += more


def threads() -> int:
    return sum(thread.name == "call" for thread in threading.enumerate())


def test_both_ways_give_the_same_answer_and_the_same_headers(client, asked):
    body = asked[2]
    with Wire(client) as wire, Wire(client) as other:
        for _ in range(3):
            wire.send(written(body))
            here = wire.answer()
        assert threads() >= 1
        other.send(written(body, *LINES, ORDINARY))
        there = other.answer()
        assert here[0] == there[0] == 200
        assert here[1].keys() == there[1].keys()
        replies = [decode_reply(answer[2]) for answer in (here, there)]
        assert replies[0].scores.tobytes() == replies[1].scores.tobytes()
        assert replies[0].release_id == replies[1].release_id


@pytest.mark.parametrize("spoil", [lambda b: b[:-7], lambda b: b"", lambda b: b"x" * 5_000_000])
def test_both_ways_refuse_alike(client, asked, spoil):
    body = spoil(asked[2])
    with Wire(client) as wire, Wire(client) as other:
        wire.send(written(body))
        other.send(written(body, *LINES, ORDINARY))
        here, there = wire.answer(), other.answer()
        assert here[0] == there[0] >= 400
        assert orjson.loads(here[2]) == orjson.loads(there[2])


def test_a_connection_goes_back_to_the_event_loop_with_its_first_other_request(client, asked):
    with Wire(client) as wire:
        wire.send(written(asked[2]) + written(b"", "Host: here", first="GET /readyz HTTP/1.1"))
        assert wire.answer()[0] == 200
        assert wire.answer()[0] == 200
        for _ in range(2):
            wire.send(written(asked[2]))
            assert wire.answer()[0] == 200
        until(lambda: threads() == 0)  # those of other tests end after 5 idle seconds


def test_calls_that_come_at_once_or_in_pieces_are_all_answered(client, asked):
    call = written(asked[2])
    with Wire(client) as wire:
        wire.send(call + call + call[:1_000])
        assert [wire.answer()[0] for _ in range(2)] == [200, 200]
        time.sleep(0.7)  # longer than the bypass waits
        wire.send(call[1_000:])
        assert wire.answer()[0] == 200
    with Wire(client) as wire:
        wire.send(call[:30])
        time.sleep(0.05)
        wire.send(call[30:])
        assert wire.answer()[0] == 200


@pytest.mark.parametrize(
    "lines",
    [
        (*LINES, "Content-Length: 3"),
        (*LINES, "Transfer-Encoding: chunked"),
        (*LINES, "Host: there"),
        (*LINES, " folded"),
        (*LINES[1:],),
        ("Content-Type : application/octet-stream", *LINES),
        (*LINES, "Accept: a\nTransfer-Encoding: chunked"),
        (*LINES, "Accept: a\rX: y"),
        (*LINES, "Accept: a\0b"),
        (*LINES, "Accept"),
    ],
)
def test_a_head_that_two_readers_may_read_differently_is_not_read_here(client, asked, lines):
    with Wire(client) as wire, Wire(client) as other:
        wire.send(written(asked[2], *lines))
        other.send(written(asked[2], *lines, ORDINARY))
        answers = []
        for one in (wire, other):
            try:
                answers.append(one.answer()[0])
            except EOFError:
                answers.append(None)
        assert answers[0] == answers[1]


def test_more_connections_than_threads_are_answered_too(client, asked):
    wires = [Wire(client) for _ in range(MOST + 6)]
    for wire in wires:
        wire.send(written(asked[2]))
    assert {wire.answer()[0] for wire in wires} == {200}
    assert threads() == MOST
    for wire in wires:
        wire.opened.close()


def test_where_no_thread_is_to_be_had_the_event_loop_answers(client, asked, monkeypatch):
    start = threading.Thread.start

    def no_start(thread):
        if thread.name == "call":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_start)
        for _ in range(MOST + 2):
            with Wire(client) as wire:
                wire.send(written(asked[2]))
                assert wire.answer()[0] == 200
    with Wire(client) as wire:  # no place was lost
        wire.send(written(asked[2]))
        assert wire.answer()[0] == 200
        until(lambda: threads() > 0)


def test_the_key_is_asked_for_here_too_and_the_service_ends_with_its_threads(data, asked):
    keyed = (*LINES, "Authorization: Bearer one")
    with ranker(data, key="one") as client:
        with Wire(client) as wire, Wire(client) as other:
            wire.send(written(asked[2], *keyed))
            assert wire.answer()[0] == 200
            wire.send(written(asked[2], *LINES, "Authorization: Bearer two"))
            assert wire.answer()[0] == 401
            other.send(written(asked[2], *keyed))
            assert other.answer()[0] == 200
            wire.send(written(asked[2], *keyed))
            assert wire.answer()[0] == 200
        until(lambda: 'route="/v1/rank",status="200"} 3.0' in client.get("/metrics").text)
        kept = Wire(client)
        kept.send(written(asked[2], *keyed))
        kept.answer()
        started = time.monotonic()
    assert time.monotonic() - started < 5
    with kept, pytest.raises(EOFError):
        kept.answer()
