"""`make test-compose`: the containers of docker-compose.yml on a real engine, end to end.

Brings them up with a small catalogue, searches, trains, kills the ranker, searches again. The
variable COMPOSE_CHECK may name a script that runs a command with the services up
(`$COMPOSE_CHECK PROJECT_DIR COMMAND…`); without it the machine's own `docker compose` is used.
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
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "duolu-test"  # its volumes are removed afterwards; an installation's own are not touched
SMALL = ("--documents", "2000", "--users", "200", "--sessions", "4000", "--queries", "0")
PATIENCE_S = 60


def main() -> int:
    """Prepare files, bring the services up, check, take them down."""
    scratch = Path(tempfile.mkdtemp(prefix="duolu-compose-"))
    try:
        environment = {**os.environ, **prepare(scratch)}
        if check := os.environ.get("COMPOSE_CHECK"):
            return subprocess.call([check, str(ROOT), *inside(scratch)], env=environment)
        return with_docker_compose(scratch, environment)
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return {"DUOLU_CATALOGUE": str(catalogue), "DUOLU_PORT": str(port), "DUOLU_KEY": ""}


def inside(scratch: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), str(scratch / "city")]


def with_docker_compose(scratch: Path, environment: Mapping[str, str]) -> int:
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
            failed = subprocess.call(inside(scratch), cwd=ROOT, env=environment)
        if failed:
            compose("logs", "--tail", "50")
        return failed
    finally:
        compose("down", "--volumes", "--timeout", "5")


def check(city: Path) -> None:
    """What must hold while the services are up. Ends the process with what did not."""
    port = os.environ["DUOLU_PORT"]
    services = Services(port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
        until("the gateway is ready", lambda: client.get("/readyz").status_code == 200)
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


class Services:
    """The containers of the project that publishes the port."""

    def __init__(self, port: str) -> None:
        label = '{{.Label "com.docker.compose.project"}}'
        self.project = self.docker("ps", "--filter", f"publish={port}", "--format", label)

    def docker(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=300
        )
        return done.stdout.strip()

    def id(self, service: str) -> str:
        labels = (f"project={self.project}", f"service={service}", "oneoff=False")
        filters = [f"--filter=label=com.docker.compose.{label}" for label in labels]
        return self.docker("ps", "--all", "--quiet", *filters)

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


def search(client: httpx.Client) -> dict[str, Any]:
    response = client.get("/v1/search", params={"q": "火锅", "limit": 5})
    expect(f"search answers 200, not {response.status_code}", response.status_code == 200)
    answer: dict[str, Any] = response.json()
    return answer


def is_whole(answer: Mapping[str, Any]) -> bool:
    return bool(answer["results"]) and answer["degraded"] == []


def is_ranked(answer: Mapping[str, Any]) -> bool:
    return is_whole(answer) and answer["release_id"] is not None


def has_lost_its_ranker(answer: Mapping[str, Any]) -> bool:
    lost = any(what.startswith("ranker:") for what in answer["degraded"])
    return lost and answer["release_id"] is None


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for something that comes about within a minute."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"test-compose: not within {PATIENCE_S} s: {what}")
        time.sleep(0.5)
    print(f"ok  {what}", flush=True)


def expect(what: str, holds: bool) -> None:
    if not holds:
        sys.exit(f"test-compose: does not hold: {what}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        check(Path(sys.argv[1]))
    else:
        sys.exit(main())
