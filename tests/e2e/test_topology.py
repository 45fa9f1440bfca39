"""Gateway and ranker as two processes: together, apart, frozen, and beside an impostor."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.processes import free_port, services
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot
from tests.builders.waiting import until

RELEASE = "20260101T000001Z-dear"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(60), directory)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    make_release(open_snapshot(directory / "snapshots" / SNAPSHOT_ID), store, RELEASE, "price")
    store.publish(RELEASE)
    return directory


def search(port: int) -> dict:
    answer = httpx.get(f"http://127.0.0.1:{port}/v1/search", params={"q": "火锅"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def is_ranked(told: dict) -> bool:
    """Whether the release's order, dearest first, is what came back, and is said to be."""
    prices = [r["document"]["price"] for r in told["results"]]
    assert len(prices) == 10
    ranked = told["release_id"] == RELEASE
    assert not ranked or not any(said.startswith("ranker") for said in told["degraded"])
    assert ranked or told["release_id"] is None
    assert ranked == (prices == sorted(prices, reverse=True))
    return bool(ranked)


def test_search_outlives_its_ranker_and_is_whole_again_when_it_returns(data):
    ranker_port, port = free_port(), free_port()
    ranked_at = (f"rank.url=http://127.0.0.1:{ranker_port}", "rank.timeout_ms=400")
    with services(data, [("gateway", port)], ranked_at):
        with services(data, [("ranker", ranker_port)]) as [served]:
            until(lambda: is_ranked(search(port)))

            ranker = served.process
            ranker.send_signal(signal.SIGSTOP)
            frozen = search(port)
            assert frozen["degraded"] == ["ranker:timed_out"]
            assert not is_ranked(frozen)
            ranker.send_signal(signal.SIGCONT)
            until(lambda: is_ranked(search(port)))

            ranker.kill()
            ranker.wait(20)
            killed = search(port)
            assert killed["degraded"] == ["ranker:failed"]
            assert not is_ranked(killed)
            for _ in range(20):
                assert search(port)["degraded"] == ["ranker:failed"]
        with services(data, [("ranker", ranker_port)]):
            until(lambda: is_ranked(search(port)))


@contextmanager
def impostor(body: bytes, status: int = 200) -> Iterator[int]:
    """A service of somebody else where the ranker should be."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_service_that_is_no_ranker_changes_no_order(data):
    port = free_port()
    with (
        impostor(b"<html>It works!</html>") as elsewhere,
        services(data, [("gateway", port)], [f"rank.url=http://127.0.0.1:{elsewhere}"]),
    ):
        for _ in range(3):
            told = search(port)
            assert told["degraded"] == ["ranker:failed"]
            assert not is_ranked(told)
