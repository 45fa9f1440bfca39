"""Kills whole services at random, a hundred times, and looks for what they had promised.

    make bench-durability       (python benchmarks/durability.py --rounds 100 --documents 100000)

Each round: `duolu serve` with a restless indexer; clients put, patch and delete over HTTP; at some
moment, in every second round close behind a publication, the service and its compaction are killed
(SIGKILL to all). It is started again, timed until it is ready, and asked for every document.
One that is not as it was last acknowledged, nor as somebody had asked for when the end came, is
lost, torn, or back from the dead. Writes counts and times to results/durability.json; exits 1 where
anything was wrong.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from results_file import write
from speed_catalogue import CONFIG, DUOLU

from app.snapshot.store import ArtifactStore

ROOT = Path(__file__).parents[1]
CLIENTS = 4
IDS = 50  # of each client
RESTLESS = ("--set", "documents.compact_rows=100")
PATIENCE_S = 300

Document = dict[str, Any]


@dataclass(slots=True)
class Expected:
    """What a document may be: as last acknowledged, or as asked for since."""

    states: list[Document | None] = field(default_factory=lambda: [None])


@dataclass(slots=True)
class Tally:
    acknowledged: int = 0
    refused: int = 0
    wrong: list[Document] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)
    snapshots: set[str] = field(default_factory=set)


def main(
    rounds: Annotated[int, typer.Option()] = 100,
    documents: Annotated[int, typer.Option(help="Of the catalogue that serves.")] = 100_000,
    seed: Annotated[int, typer.Option()] = 7,
    work: Annotated[Path, typer.Option()] = Path("data/bench/durability"),
) -> None:
    """Run the rounds."""
    data, rng, tally = _catalogue(work, documents), random.Random(seed), Tally()
    expected = {f"c{c}-{i}": Expected() for c in range(CLIENTS) for i in range(IDS)}
    server, url = _start(data, tally)
    for number in range(rounds):
        _drive(url, expected, rng, tally, partial(_kill_at, data, number, rng.random(), server))
        server, url = _start(data, tally)
        _look(url, expected, tally, number)
        tally.snapshots.add(ArtifactStore(data / "snapshots", "snapshot").require_current())
        typer.echo(
            f"round {number + 1}: {tally.acknowledged:,} acknowledged, {len(tally.wrong)} wrong, "
            f"{len(tally.snapshots)} snapshots, ready in {tally.ready_s[-1]:.1f} s"
        )
    _kill(server)
    _report(rounds, documents, tally)


def _drive(
    url: str,
    expected: dict[str, Expected],
    rng: random.Random,
    tally: Tally,
    kill: Callable[[], None],
) -> None:
    """Let every client write its own documents, one change at a time, until nobody answers."""
    seeds = [rng.random() for _ in range(CLIENTS)]
    clients = [
        threading.Thread(target=_write, args=(url, c, expected, random.Random(seeds[c]), tally))
        for c in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    kill()
    for client in clients:
        client.join()


def _write(
    url: str, number: int, expected: dict[str, Expected], rng: random.Random, tally: Tally
) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        while True:
            id_ = f"c{number}-{rng.randrange(IDS)}"
            states = expected[id_].states
            method, body, after = _change(id_, states[-1], rng)
            states.append(after)
            try:
                answer = client.request(method, f"/v1/documents/{id_}", json=body)
            except httpx.TransportError:
                return
            if answer.is_success:
                expected[id_].states = [after]
                tally.acknowledged += 1
            else:
                states.pop()
                tally.refused += 1


def _change(
    id_: str, now: Document | None, rng: random.Random
) -> tuple[str, Document | None, Document | None]:
    """Return a call, its body, and the document after it."""
    kind = rng.choice(["PUT", "PATCH", "DELETE"]) if now else "PUT"
    if kind == "DELETE":
        return kind, None, None
    if kind == "PATCH" and now:
        keys: Document = rng.choice([{"price": rng.randint(1, 99)}, {"title": f"t{rng.random()}"}])
        return kind, keys, {**now, **keys}
    body = {"id": id_, "title": f"t{rng.random()}", "text": "word " * rng.randint(0, 400)}
    return "PUT", body, body


def _look(url: str, expected: dict[str, Expected], tally: Tally, number: int) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        for id_, e in expected.items():
            answer = client.get(f"/v1/documents/{id_}")
            is_ = answer.json()["document"] if answer.is_success else None
            if is_ not in [_shown(state) for state in e.states]:
                tally.wrong.append({"round": number, "id": id_, "is": is_, "expected": e.states})
            e.states = [is_]  # what was in flight is decided now


def _shown(state: Document | None) -> Document | None:
    """A blank text is no text."""
    return state and {k: v for k, v in state.items() if not (isinstance(v, str) and not v.strip())}


def _start(data: Path, tally: Tally) -> tuple[subprocess.Popen[bytes], str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*DUOLU, "serve", "--port", str(port), "--data", str(data), "--config", str(CONFIG)]
    started, url = time.perf_counter(), f"http://127.0.0.1:{port}"
    with (data / "serve.log").open("ab") as log:
        server = subprocess.Popen([*command, *RESTLESS], stderr=log, start_new_session=True)
    while not _is_ready(url):
        if server.poll() is not None or time.perf_counter() - started > PATIENCE_S:
            raise SystemExit(f"the service did not come back; see {data / 'serve.log'}")
        time.sleep(0.05)
    tally.ready_s.append(time.perf_counter() - started)
    return server, url


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def _kill_at(data: Path, number: int, moment: float, server: subprocess.Popen[bytes]) -> None:
    """Wait for a moment in [0, 1) of 6 s, or of the 0.3 s behind the next publication."""
    store, end = ArtifactStore(data / "snapshots", "snapshot"), time.monotonic() + PATIENCE_S
    before = store.current_id()
    while number % 2 and store.current_id() == before and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(moment * (0.3 if number % 2 else 6.0))
    _kill(server)


def _kill(server: subprocess.Popen[bytes]) -> None:
    """End the service and whatever it had started, a compaction most of all."""
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _catalogue(work: Path, documents: int) -> Path:
    source, indexed = work / f"source-{documents}", work / f"indexed-{documents}"
    if not (source / "catalog.jsonl").exists():
        script = str(ROOT / "scripts" / "demo_data.py")
        amounts = ("--documents", str(documents), "--sessions", "100", "--queries", "20")
        subprocess.run([sys.executable, script, "--out", str(source), *amounts], check=True)
    if not (indexed / "snapshots" / "CURRENT").exists():
        where = ("--data", str(indexed), "--config", str(CONFIG))
        subprocess.run([*DUOLU, "reindex", str(source / "catalog.jsonl"), *where], check=True)
    shutil.rmtree(work / "data", ignore_errors=True)
    return Path(shutil.copytree(indexed, work / "data"))


def _report(rounds: int, documents: int, tally: Tally) -> None:
    ready = statistics.median(tally.ready_s)
    rows = [
        {"case": f"lost, torn or back of {tally.acknowledged:,} acknowledged, {rounds} deaths",
         "ours": len(tally.wrong), "peer": 0, "peer_name": "promised", "ratio": None,
         "unit": "documents"},
        {"case": f"ready again, {documents:,} documents", "ours": ready,
         "peer": 5.0 * max(documents, 1) / 100_000, "peer_name": "limit",
         "ratio": ready / (5.0 * documents / 100_000), "unit": "s"},
    ]  # fmt: skip
    samples = {
        "ready_s": tally.ready_s, "acknowledged": tally.acknowledged, "refused": tally.refused,
        "snapshots": len(tally.snapshots), "wrong": tally.wrong,
    }  # fmt: skip
    for row in rows:
        typer.echo(f"{row['case']}: {row['ours']:.4g} {row['unit']}")
    typer.echo(f"written: {write('durability', rows, samples)}")
    raise SystemExit(1 if tally.wrong else 0)


if __name__ == "__main__":
    typer.run(main)
