"""Gateway and ranker as two processes: together, apart, frozen, and beside an impostor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import create_server

import httpx
import pytest

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot

ROOT = Path(__file__).parents[2]
RELEASE = "20260101T000001Z-dear"
KEY = "sesame"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(60), directory)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    make_release(open_snapshot(directory / "snapshots" / SNAPSHOT_ID), store, RELEASE, "price")
    store.publish(RELEASE)
    return directory


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def process(data: Path, role: str, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`duolu serve` as an operator starts it; ready when it is handed over."""
    command = [
        sys.executable, "-m", "app.cli", "serve", "--role", role, "--port", str(port),
        "--data", str(data), "--models", str(data / "models"), *more,
    ]  # fmt: skip
    environment = {**os.environ, "DUOLU_KEY": KEY}
    log = data / f"{role}-{port}.log"
    with log.open("ab") as said:
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    try:
        until(lambda: started.poll() is not None or is_ready(port))
        assert started.poll() is None, f"{role} ended: {log.read_text()[-2000:]}"
        yield started
    finally:
        started.send_signal(signal.SIGCONT)
        started.terminate()
        started.wait(20)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it never happened")


def search(port: int) -> dict:
    answer = httpx.get(f"http://127.0.0.1:{port}/v1/search", params={"q": "火锅"}, timeout=20)
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
    ranked_at = ("--set", f"rank.url=http://127.0.0.1:{ranker_port}")
    patient = ("--set", "rank.timeout_ms=400")
    with process(data, "gateway", port, *ranked_at, *patient):
        with process(data, "ranker", ranker_port) as ranker:
            until(lambda: is_ranked(search(port)))

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
        with process(data, "ranker", ranker_port):
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

    server = HTTPServer(("127.0.0.1", 0), Answer)
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
        process(data, "gateway", port, "--set", f"rank.url=http://127.0.0.1:{elsewhere}"),
    ):
        for _ in range(3):
            told = search(port)
            assert told["degraded"] == ["ranker:failed"]
            assert not is_ranked(told)
