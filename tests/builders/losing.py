"""A network that loses answers: what was asked for is done, and nobody hears of it."""

from __future__ import annotations

import itertools
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_END = b"\r\n\r\n"


@contextmanager
def losing_answers(url: str, lost: int) -> Iterator[str]:
    """Yield a URL that leads to a service; the first `lost` answers end in a cut connection."""
    target = (httpx.URL(url).host, httpx.URL(url).port)
    listener = socket.create_server(("127.0.0.1", 0))
    left = itertools.count(lost, -1)

    def relay() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return  # it was closed
            with caller, socket.create_connection(target) as service:
                service.sendall(_message(caller))
                answer = _message(service)
                if next(left) <= 0:
                    caller.sendall(answer)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _message(peer: socket.socket) -> bytes:
    """Read one HTTP message, whose length is said."""
    read = b""
    while _END not in read and (more := peer.recv(1 << 16)):
        read += more
    head, _, body = read.partition(_END)
    said = _LENGTH.search(head)
    missing = (int(said[1]) if said else 0) - len(body)
    while missing > 0 and (more := peer.recv(1 << 16)):
        read, missing = read + more, missing - len(more)
    return read
