"""Drives a real service with searches and events, and demands that parity finds no difference.

`python scripts/parity_drive.py DIR`: makes a small city and a model under DIR where there are none,
serves it in a process of its own, searches and clicks, imports clicks (new tables are taken up
while serving), goes on until enough values lie in the log, and ends the service. CI runs it.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from demo import Demo, duolu, prepare

SIZE = ("--documents", "2000", "--users", "300", "--sessions", "3000", "--queries", "400")
HOST = "127.0.0.1"
START_S = 120
LATE_MS = 7_200_000  # a browser that was offline
FILTERS: Sequence[dict[str, Any]] = (
    {},
    {},
    {"filters": {"price": {"gte": 10, "lte": 500}}},
    {"filters": {"not": {"price": {"lt": 5}}}},
    {"offset": 10, "limit": 20},
)


def main(
    root: Annotated[Path, typer.Argument(help="Where city, model and logs lie; made if missing.")],
    values: Annotated[int, typer.Option(help="Features and scores to compare.")] = 1_000_000,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """Prepare, drive, compare. Exit 1 where a value differs or too few could be compared."""
    demo = Demo(root / "data", root / "models", size=SIZE)
    prepare(demo)
    publish(demo)
    since_ms, chance = int(time.time() * 1e3), random.Random(seed)
    asked = questions(demo.city / "queries.jsonl", chance)
    with serving(demo) as client:
        done = drive(client, asked, values // 2, demo, chance)
        import_events(demo, done, chance)
        wait_for_other_tables(client, done[-1]["tables_id"])
        done += drive(client, asked, values - values // 2, demo, chance)
    compared = parity(demo, since_ms)
    print(f"{len(done):,} searches, tables changed between; {compared['values']:,} values compared")
    if not compared["holds"] or compared["values"] < values:
        sys.exit(f"parity does not hold, or too little was compared: {json.dumps(compared)}")


def questions(file: Path, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield bodies for ever: the city's queries, with its people, places, filters and pages."""
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    while True:
        line = chance.choice(lines)
        body = {"query": line["text"], "user_id": line.get("user_id"), **chance.choice(FILTERS)}
        if "lat" in line:
            body["location"] = {"lat": line["lat"], "lon": line["lon"]}
        yield body


def drive(
    client: httpx.Client,
    asked: Iterator[dict[str, Any]],
    values: int,
    demo: Demo,
    chance: random.Random,
) -> list[dict[str, Any]]:
    """Search, and click now and then, until the answers' rows make so many values.

    Returns the answers.
    """
    releases = demo.stores.releases
    width = len(releases.manifest(releases.require_current())["features"]) + 1
    done, rows = [], 0
    while rows * width < values:
        answer = client.post("/v1/search", json=next(asked)).raise_for_status().json()
        done.append(answer)
        rows += len(answer["results"])  # the unshown rows of the sample come on top
        if chance.random() < 0.3 and (events := list(done_with(chance.choice(done), chance))):
            client.post("/v1/events", json=events).raise_for_status()
    return done


def import_events(demo: Demo, answers: Sequence[dict[str, Any]], chance: random.Random) -> None:
    """Click, stay, put into the cart and buy, now and then twice; then build new tables."""
    file = demo.data / "driven.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for answer in answers:
            for event in done_with(answer, chance):
                out.write(json.dumps(event) + "\n")
    run(duolu(demo, "import-events", str(file)))


def done_with(answer: dict[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the events of one list, in any order, as a browser would send them."""
    now_ms = int(time.time() * 1e3)
    for action in ("click", "dwell", "add_to_cart", "purchase"):
        for result in answer["results"]:
            if chance.random() < 0.1:
                yield {
                    "action_name": action,
                    "timestamp": now_ms - chance.choice((0, chance.randrange(5_000), LATE_MS)),
                    "query_id": answer["request_id"],
                    "user_id": f"u{chance.randrange(300):06d}",
                    "event_attributes": {"object": {"object_id": result["id"]}, "dwell_ms": 900},
                }


def wait_for_other_tables(client: httpx.Client, before: str | None) -> None:
    """Wait until the service answers from the tables that were just published."""
    until = time.monotonic() + START_S
    while client.post("/v1/search", json={"query": ""}).json()["tables_id"] == before:
        if time.monotonic() > until:
            sys.exit(f"the service still answers from tables {before} after {START_S} s")
        time.sleep(0.2)


def publish(demo: Demo) -> None:
    """Let the newest release serve, whatever the gate thought of so small a city."""
    if demo.stores.releases.current_id() is None:
        run(duolu(demo, "publish", demo.stores.releases.ids()[-1], "--force"))


@contextmanager
def serving(demo: Demo) -> Iterator[httpx.Client]:
    """Run `duolu serve` and yield a client of it; end it as an operator would."""
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    flags = ("--port", str(port), "--set", "impressions.flush_seconds=1")
    service = subprocess.Popen(duolu(demo, "serve", *flags), stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=60, trust_env=False) as client:
            wait_until_ready(client, service)
            yield client
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(60)


def wait_until_ready(client: httpx.Client, service: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and service.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    sys.exit(f"the service is not ready after {START_S} s (exit {service.poll()})")


def parity(demo: Demo, since_ms: int) -> dict[str, Any]:
    """Run `duolu parity` over what was just logged and return what it says."""
    command = duolu(demo, "parity", "--since", str(since_ms), "--json")
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if not done.stdout:
        sys.exit("duolu parity said nothing; see above")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    typer.run(main)
