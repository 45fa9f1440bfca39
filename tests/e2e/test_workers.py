"""Several processes behind one socket."""

import os
import signal
import subprocess
import time

import httpx
import pytest

from tests.builders import city_rows
from tests.builders.processes import free_port, services
from tests.builders.servers import publish_snapshot
from tests.builders.waiting import until


def children(pid):
    listed = ["ps", "-o", "pid=", "--ppid", str(pid)]
    found = subprocess.run(listed, capture_output=True, text=True, check=False)
    return [int(p) for p in found.stdout.split()]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Two workers over embedded stores."""
    data = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(50), data)
    with services(data, [("all", free_port())], workers=2) as [served]:
        assert len(children(served.process.pid)) == 2
        yield served


def by_all(served, holds, **body):
    """Whether some searches, each on a connection of its own, all give what holds."""
    url = f"{served.client.base_url}/v1/search"
    found = [httpx.post(url, json=body, timeout=30).json() for _ in range(12)]
    return all(holds([result["id"] for result in one["results"]]) for one in found)


def test_what_one_worker_takes_all_of_them_show(served):
    client = served.client
    client.put("/v1/documents/new", json={"title": "zebralamp"}).raise_for_status()
    words = {"query": "zebralamp", "channels": ["lexical"]}
    until(lambda: by_all(served, lambda ids: ids == ["new"], **words))
    click = {
        "action_name": "purchase", "timestamp": int(time.time() * 1e3), "user_id": "ann",
        "event_attributes": {"object": {"object_id": "d7"}},
    }  # fmt: skip
    assert client.post("/v1/events", json=click).json()["accepted"] == 1
    ann = {"user_id": "ann", "channels": ["behaviour", "profile"]}
    until(lambda: by_all(served, bool, **ann))
    assert client.delete("/v1/users/ann").json()["known"]
    until(lambda: by_all(served, lambda ids: not ids, **ann))


def test_any_worker_says_what_all_of_them_count(served):
    url, key = served.client.base_url, served.client.headers

    def counted():
        page = httpx.get(f"{url}/metrics", headers=key).text
        name = 'duolu_requests_total{route="/v1/suggest",status="200",worker="%d"}'
        lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
        return sum(float(lines.get(name % worker, 0)) for worker in (0, 1))

    assert counted() == 0  # nobody else asks for suggestions here
    for _ in range(12):
        assert httpx.get(f"{url}/v1/suggest?q=garden", timeout=30).is_success
    until(lambda: {counted() for _ in range(6)} == {12})


def test_two_workers_answer_a_killed_one_returns_and_all_end_together(served):
    process = served.process
    time.sleep(6)  # a worker that ends sooner counts as one that cannot start
    victim = children(process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in children(process.pid) and len(children(process.pid)) == 2)
    answer = httpx.get(f"{served.client.base_url}/v1/search?q=garden", timeout=30)
    assert answer.json()["results"]
    left = children(process.pid)
    process.terminate()
    assert process.wait(30) == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in left)
