"""Several processes behind one socket."""

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from tests.builders import city_rows, make_snapshot


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid):
    listed = ["ps", "-o", "pid=", "--ppid", str(pid)]
    found = subprocess.run(listed, capture_output=True, text=True, check=False)
    return [int(p) for p in found.stdout.split()]


def wait_until(asked, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if asked():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("waited in vain")


def test_two_workers_answer_a_killed_one_returns_and_all_end_together(tmp_path, port):
    store = tmp_path / "data" / "snapshots"
    make_snapshot(city_rows(50), store / "20260101T000000Z-0000test")
    (store / "CURRENT").write_text("20260101T000000Z-0000test\n")
    command = [sys.executable, "-m", "app.cli", "serve", "--workers", "2", "--port", str(port)]
    command += ["--data", str(tmp_path / "data"), "--models", str(tmp_path / "models")]
    served = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/v1/search?q=garden"
        wait_until(lambda: httpx.get(url).status_code == 200)
        assert len(children(served.pid)) == 2
        time.sleep(6)  # a worker that ends sooner counts as one that cannot start
        victim = children(served.pid)[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in children(served.pid) and len(children(served.pid)) == 2)
        assert httpx.get(url).json()["results"]
        left = children(served.pid)
        served.terminate()
        assert served.wait(30) == 0
        assert not any(os.path.exists(f"/proc/{pid}") for pid in left)
    finally:
        for pid in children(served.pid):
            os.kill(pid, signal.SIGKILL)
        served.kill()
