"""Calls over kept connections, against real sockets that behave well and badly."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from app.domain.errors import InvalidInput
from app.rank.connection import MAX_ANSWER_BYTES, Address, Connections

Serve = Callable[[socket.socket], None]


@contextmanager
def listening(*serve: Serve) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one connection after another, each in its way. Yields the address and what was read."""
    read: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            for one in serve:
                with suppress(OSError):
                    opened, _ = listener.accept()
                    with opened:
                        opened.settimeout(10)
                        one(_Noting(opened, read))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", read
    thread.join(10)


class _Noting:
    """A socket that keeps what it reads."""

    def __init__(self, opened: socket.socket, read: list[bytes]) -> None:
        self._opened, self._read = opened, read
        self.sendall, self.close = opened.sendall, opened.close

    def request(self, body: bytes) -> None:
        """Read until the body has come."""
        got = b""
        while not got.endswith(b"\r\n\r\n" + body):
            part = self._opened.recv(65536)
            if not part:
                raise ConnectionError
            got += part
        self._read.append(got)


def answering(*bodies: bytes, status: bytes = b"200 OK") -> Serve:
    def serve(opened) -> None:
        for body in bodies:
            opened.request(b"ask")
            opened.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
            opened.sendall(body)

    return serve


def saying(words: bytes) -> Serve:
    def serve(opened) -> None:
        opened.request(b"ask")
        opened.sendall(words)

    return serve


def silent(opened) -> None:
    with suppress(ConnectionError):
        opened.request(b"ask")
        opened.request(b"more")


@pytest.fixture
def calls() -> Iterator[Callable[[str], Connections]]:
    """What makes callers of an address, closed at the end."""
    made: list[Connections] = []

    def make(url: str) -> Connections:
        made.append(Connections(Address.of(url, "rank.url"), "/v1/rank", {"X-Key": "sesame"}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_one_connection_serves_call_after_call(calls):
    with listening(answering(b"one", b"", b"three")) as (url, read):
        kept = calls(url)
        told = [kept.post(b"ask", 5) for _ in range(3)]
    assert told == [(200, b"one"), (200, b""), (200, b"three")]
    assert all(r.startswith(b"POST /v1/rank HTTP/1.1\r\nHost: 127.0.0.1:") for r in read)
    assert all(b"\r\nX-Key: sesame\r\nContent-Length: 3\r\n\r\nask" in r for r in read)


def test_a_connection_that_was_closed_meanwhile_is_replaced(calls):
    with listening(answering(b"one"), answering(b"two")) as (url, _):
        kept = calls(url)
        assert kept.post(b"ask", 5) == (200, b"one")
        assert kept.post(b"ask", 5) == (200, b"two")


def test_a_new_connection_that_is_closed_is_not_tried_again(calls):
    with listening(lambda opened: opened.close(), answering(b"two")) as (url, _):
        kept = calls(url)
        with pytest.raises(ConnectionError):
            kept.post(b"ask", 5)
        assert kept.post(b"ask", 5) == (200, b"two")


def test_silence_ends_at_the_deadline_and_takes_its_connection_along(calls):
    with listening(silent, answering(b"two")) as (url, _):
        kept = calls(url)
        with pytest.raises(TimeoutError):
            kept.post(b"ask", 0.05)
        assert kept.post(b"ask", 5) == (200, b"two")


def test_no_time_left_asks_nobody(calls):
    with pytest.raises(TimeoutError):
        calls("http://127.0.0.1:9").post(b"ask", 0.0)


@pytest.mark.parametrize(
    "words",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(MAX_ANSWER_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["no HTTP", "cut short", "too long", "broken chunks"],
)
def test_what_is_no_whole_answer_is_refused(calls, words):
    with listening(saying(words)) as (url, _), pytest.raises(ConnectionError):
        calls(url).post(b"ask", 5)


def test_chunks_and_closing_after_the_answer_are_understood(calls):
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n2\r\n!!\r\n0\r\n\r\n"
    )
    closing = b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy"
    with listening(saying(chunked), saying(closing), answering(b"three")) as (url, _):
        kept = calls(url)
        assert kept.post(b"ask", 5) == (200, b"one!!")
        assert kept.post(b"ask", 5) == (503, b"busy")
        assert kept.post(b"ask", 5) == (200, b"three")


def resolving(monkeypatch: pytest.MonkeyPatch, *places: tuple[str, int]) -> None:
    """Let every name have these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", at) for at in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(found))


def place_of(url: str) -> tuple[str, int]:
    return "127.0.0.1", int(url.rpartition(":")[2])


def test_every_address_of_a_name_is_tried(calls, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = unused.getsockname()
    with listening(*[answering(b"one")] * 8) as (url, _):
        resolving(monkeypatch, nobody, place_of(url))
        assert [calls(url).post(b"ask", 5) for _ in range(8)] == [(200, b"one")] * 8


def test_an_address_that_is_silent_leaves_time_for_the_others(calls, monkeypatch):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as filling:
        for _ in range(3):  # until it takes no more
            opened = filling.enter_context(socket.socket())
            opened.setblocking(False)
            opened.connect_ex(full.getsockname())
        with listening(answering(b"one")) as (url, _):
            resolving(monkeypatch, full.getsockname(), place_of(url))
            monkeypatch.setattr(random, "shuffle", lambda _: None)  # the silent one first
            assert calls(url).post(b"ask", 2) == (200, b"one")


def test_an_address_of_numbers_is_named_in_brackets(calls, monkeypatch):
    with listening(answering(b"one")) as (url, read):
        resolving(monkeypatch, place_of(url))
        assert calls("http://[::1]:8001").post(b"ask", 5) == (200, b"one")
    assert b"\r\nHost: [::1]:8001\r\n" in read[0]


@pytest.mark.parametrize(
    "url",
    ["", "ranker:8001", "ftp://ranker", "http://", "http://ranker:99999", "http://ranker:0",
     "http://ranker:x", "http://[::1"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_by_its_setting(url):
    with pytest.raises(InvalidInput, match=r"rank\.url"):
        Address.of(url, "rank.url")
