"""`make test-compose`: the containers of the compose files on a real engine, end to end.

First docker-compose.yml alone: search, train, kill the ranker, search again. Then the cluster on
top of it: write through one gateway, search through the other, without Redis, without PostgreSQL.
The variable COMPOSE_CHECK may name a script that runs a command with the services up
(`$COMPOSE_CHECK PROJECT_DIR COMMAND…`, the files in COMPOSE_FILE); without it the machine's own
`docker compose` is used. Such a script need not be able to pull images: the servers are then made
from Debian's packages (tests/compose).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "duolu-test"  # its volumes are removed afterwards; an installation's own are not touched
SMALL = ("--documents", "2000", "--users", "200", "--sessions", "4000", "--queries", "0")
FILES = ("docker-compose.yml", "docker-compose.cluster.yml", "tests/compose/images.yml")
PATIENCE_S = 120
FIRST_START_S = 300  # an image built on another processor: every service compiles at once


def main() -> int:
    """Prepare files, bring the services up, check, take them down: alone, then as a cluster."""
    scratch = Path(tempfile.mkdtemp(prefix="duolu-compose-"))
    try:
        filled_in = prepare(scratch)
        for what in ("alone", "cluster"):
            failed = up_and_check(what, scratch, {**os.environ, **filled_in, **settings(what)})
            if failed:
                return failed
        return 0
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def prepare(scratch: Path) -> dict[str, str]:
    """Draw a small city; return what docker-compose.yml is to be filled in with."""
    city = scratch / "city"
    subprocess.run([sys.executable, "scripts/demo_data.py", "--out", city, *SMALL], check=True)
    catalogue = scratch / "catalogue"
    catalogue.mkdir()
    (city / "catalog.jsonl").rename(catalogue / "catalog.jsonl")
    for path in (scratch, *scratch.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # the container's user is another
    return {"DUOLU_CATALOGUE": str(catalogue), "DUOLU_KEY": ""}


def settings(what: str) -> dict[str, str]:
    """Say which files, which ports, and how many of each service."""
    if what == "alone":
        return {"COMPOSE_FILE": FILES[0], "DUOLU_PORT": str(free_ports(1))}
    files = FILES if os.environ.get("COMPOSE_CHECK") else FILES[:2]
    first = free_ports(2)
    return {
        "COMPOSE_FILE": ":".join(files), "DUOLU_PORT": f"{first}-{first + 1}",
        "DUOLU_GATEWAYS": "2", "DUOLU_RANKERS": "2", "DUOLU_POSTGRES_PASSWORD": "onlyfortests",
    }  # fmt: skip


def free_ports(count: int) -> int:
    """Return the first of so many free ports side by side."""
    while True:
        with ExitStack() as held:
            one = held.enter_context(socket.create_server(("127.0.0.1", 0)))
            first: int = one.getsockname()[1]
            try:
                for port in range(first + 1, first + count):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first


def up_and_check(what: str, scratch: Path, environment: Mapping[str, str]) -> int:
    inside = [sys.executable, str(Path(__file__).resolve()), what, str(scratch / "city")]
    if check := os.environ.get("COMPOSE_CHECK"):
        return subprocess.call([check, str(ROOT), *inside], env=environment)
    return with_docker_compose(inside, environment)


def with_docker_compose(inside: list[str], environment: Mapping[str, str]) -> int:
    def compose(*arguments: str) -> int:
        return subprocess.call(
            ["docker", "compose", "-p", PROJECT, *arguments], cwd=ROOT, env=environment
        )

    if shutil.which("docker") is None:
        print("test-compose needs a Docker engine; install one, or name a script: COMPOSE_CHECK=…")
        return 1
    try:
        failed = compose("up", "--build", "--detach", "--wait")
        if not failed:
            failed = subprocess.call(inside, cwd=ROOT, env=environment)
        if failed:
            compose("logs", "--tail", "50")
        return failed
    finally:
        compose("down", "--volumes", "--timeout", "5")


def check_alone(city: Path) -> None:
    """What must hold of gateway, ranker and indexer. Ends the process with what did not."""
    port = int(os.environ["DUOLU_PORT"])
    services = Services(port)
    with connect(port) as client:
        until("the gateway is ready", lambda: is_ready(client), FIRST_START_S)
        until("a search is whole", lambda: is_whole(search(client)))
        expect("administration needs the key", client.get("/v1/releases").status_code == 401)

        services.train(city)
        until("the release ranks", lambda: is_ranked(search(client)))

        services.docker("kill", services.id("ranker"))
        until("without a ranker search says so", lambda: has_lost_its_ranker(search(client)))
        expect("and still answers", bool(search(client)["results"]))

        services.docker("start", services.id("ranker"))
        until("the ranker is back", lambda: is_ranked(search(client)))
    print("test-compose: all of it holds", flush=True)


def check_cluster() -> None:
    """What must hold of two gateways over PostgreSQL and Redis."""
    ports = [int(port) for port in os.environ["DUOLU_PORT"].split("-")]
    services = Services(ports[0])
    with connect(ports[0]) as one, connect(ports[1]) as other:
        for client in (one, other):
            client.headers["Authorization"] = f"Bearer {services.key()}"
            until("a gateway is ready", lambda client=client: is_ready(client), FIRST_START_S)
            until("a gateway is whole", lambda client=client: is_whole(search(client)))
        expect("a document is taken", put(one, "zebralamp").is_success)
        until("the other gateway finds it", lambda: finds(other, "zebralamp"))

        services.docker("stop", services.id("redis"))
        until("without Redis search says so", lambda: "state:unavailable" in lacks(one))
        services.docker("start", services.id("redis"))
        until("Redis is back", lambda: not lacks(one))

        services.docker("kill", services.id("postgres"))
        until("without PostgreSQL search says so", lambda: "identity:unavailable" in lacks(one))
        refused = put(other, "tigerlamp")
        expect("and a document is refused", refused.status_code == 503)
        expect("until when, it says", "retry-after" in refused.headers)
        services.docker("start", services.id("postgres"))
        until("PostgreSQL is back", lambda: not lacks(one) and not lacks(other))
        expect("what was taken is there", finds(other, "zebralamp"))
        expect("and documents are taken again", put(other, "tigerlamp").is_success)
    print("test-compose: all of the cluster holds", flush=True)


class Services:
    """The containers of the project that publishes the port."""

    def __init__(self, port: int) -> None:
        label = '{{.Label "com.docker.compose.project"}}'
        self.project = self.docker("ps", "--filter", f"publish={port}", "--format", label)

    def docker(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=1200
        )
        return done.stdout.strip()

    def id(self, service: str) -> str:
        labels = (f"project={self.project}", f"service={service}", "oneoff=False")
        filters = [f"--filter=label=com.docker.compose.{label}" for label in labels]
        return self.docker("ps", "--all", "--quiet", *filters).partition("\n")[0]

    def key(self) -> str:
        """The one that the first start drew."""
        return self.docker("exec", self.id("indexer"), "cat", "/var/lib/duolu/data/key")

    def train(self, city: Path) -> None:
        """Train as a job beside the services, and publish whatever came of so little data."""
        job = self.id("reindex")
        image = self.docker("inspect", "--format", "{{.Image}}", job)
        run = ("run", "--rm", "--volumes-from", job, "--volume", f"{city}:/city:ro", image, "duolu")
        self.docker(*run, "import-events", "/city/events.jsonl")
        self.docker(*run, "train", "--sessions", "/city/sessions.jsonl")
        releases = json.loads(self.docker(*run, "releases", "--json"))["releases"]
        self.docker(
            *run, "publish", releases[-1]["id"], "--force"
        )  # so small a city has few clicks


def connect(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False)


def search(client: httpx.Client) -> dict[str, Any]:
    response = asked(client)
    said = f"search answers 200, not {response.status_code}: {response.text[:500]}"
    expect(said, response.status_code == httpx.codes.OK)
    answer: dict[str, Any] = response.json()
    return answer


def asked(client: httpx.Client) -> httpx.Response:
    return client.get("/v1/search", params={"q": "火锅", "limit": 5, "user_id": "somebody"})


def put(client: httpx.Client, word: str) -> httpx.Response:
    return client.put(f"/v1/documents/{word}", json={"title": word})


def finds(client: httpx.Client, word: str) -> bool:
    params = {"q": word, "channels": "lexical"}
    answer = client.get("/v1/search", params=params).json()
    return [result["id"] for result in answer["results"]] == [word]


def lacks(client: httpx.Client) -> list[str]:
    """What an answer says that it lacks; all of it, where a busy machine gives none."""
    response = asked(client)
    degraded: list[str] = response.json().get("degraded", [f"{response.text[:500]}"])
    return degraded


def is_whole(answer: Mapping[str, Any]) -> bool:
    return bool(answer["results"]) and answer["degraded"] == []


def is_ranked(answer: Mapping[str, Any]) -> bool:
    return is_whole(answer) and answer["release_id"] is not None


def has_lost_its_ranker(answer: Mapping[str, Any]) -> bool:
    lost = any(what.startswith("ranker:") for what in answer["degraded"])
    return lost and answer["release_id"] is None


def is_ready(client: httpx.Client) -> bool:
    return client.get("/readyz").status_code == httpx.codes.OK


def until(what: str, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for something that comes about by itself, and say how long it took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() > began + patience_s:
            sys.exit(f"test-compose: not within {patience_s} s: {what}")
        time.sleep(0.1)
    print(f"ok  {what} ({time.monotonic() - began:.1f} s)", flush=True)


def expect(what: str, holds: bool) -> None:
    if not holds:
        sys.exit(f"test-compose: does not hold: {what}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["alone", city]:
            check_alone(Path(city))
        case ["cluster", _]:
            check_cluster()
        case _:
            sys.exit(main())
