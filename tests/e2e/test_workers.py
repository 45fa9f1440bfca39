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


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def served(tmp_path_factory, port):
    """Two workers over embedded stores."""
    data = tmp_path_factory.mktemp("data")
    store = data / "snapshots"
    make_snapshot(city_rows(50), store / "20260101T000000Z-0000test")
    (store / "CURRENT").write_text("20260101T000000Z-0000test\n")
    command = [sys.executable, "-m", "app.cli", "serve", "--workers", "2", "--port", str(port)]
    command += ["--data", str(data), "--models", str(data / "models")]
    served = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{port}/v1/search?q=garden").is_success)
        assert len(children(served.pid)) == 2
        yield served
    finally:
        for pid in children(served.pid):
            os.kill(pid, signal.SIGKILL)
        served.kill()


def by_all(port, holds, **body):
    """Whether some searches, each on a connection of its own, all give what holds."""
    found = [httpx.post(f"http://127.0.0.1:{port}/v1/search", json=body).json() for _ in range(12)]
    return all(holds([result["id"] for result in one["results"]]) for one in found)


def test_what_one_worker_takes_all_of_them_show(served, port):
    url = f"http://127.0.0.1:{port}/v1"
    httpx.put(f"{url}/documents/new", json={"title": "zebralamp"}).raise_for_status()
    words = {"query": "zebralamp", "channels": ["lexical"]}
    wait_until(lambda: by_all(port, lambda ids: ids == ["new"], **words))
    click = {
        "action_name": "purchase", "timestamp": int(time.time() * 1e3), "user_id": "ann",
        "event_attributes": {"object": {"object_id": "d7"}},
    }  # fmt: skip
    assert httpx.post(f"{url}/events", json=click).json()["accepted"] == 1
    ann = {"user_id": "ann", "channels": ["behaviour", "profile"]}
    wait_until(lambda: by_all(port, bool, **ann))
    assert httpx.delete(f"{url}/users/ann").json()["known"]
    wait_until(lambda: by_all(port, lambda ids: not ids, **ann))


def test_any_worker_says_what_all_of_them_count(served, port):
    url = f"http://127.0.0.1:{port}"

    def counted():
        page = httpx.get(f"{url}/metrics").text
        name = 'duolu_requests_total{route="/v1/search",status="200",worker="%d"}'
        lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
        return sum(float(lines.get(name % worker, 0)) for worker in (0, 1))

    for _ in range(12):
        assert httpx.get(f"{url}/v1/search?q=garden").is_success
    wait_until(lambda: counted() >= 12)
    time.sleep(2.5)  # more than the second after which pages are written
    before = counted()
    assert {counted() for _ in range(6)} == {before}


def test_two_workers_answer_a_killed_one_returns_and_all_end_together(served, port):
    url = f"http://127.0.0.1:{port}/v1/search?q=garden"
    time.sleep(6)  # a worker that ends sooner counts as one that cannot start
    victim = children(served.pid)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in children(served.pid) and len(children(served.pid)) == 2)
    assert httpx.get(url).json()["results"]
    left = children(served.pid)
    served.terminate()
    assert served.wait(30) == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in left)
