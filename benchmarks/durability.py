"""Kills whole services at random, a hundred times, and looks for what they had promised.

    make bench-durability       (python benchmarks/durability.py --rounds 100 --documents 100000)

Each round: `duolu serve` with a restless indexer; clients put, patch and delete over HTTP; at some
moment, in every second round close behind a publication, the service and its compaction are killed
(SIGKILL to all). It is started again, timed until it is ready, and asked for every document.
One that is not as it was last acknowledged, nor as somebody had asked for when the end came, is
lost, torn, or back from the dead. Then one is killed five times beside `newer` rows that nobody
folds, and timed again. Writes counts and times to results/durability.json; exits 1 where anything
was wrong.
"""

from __future__ import annotations

import random
import shutil
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
from freshness_load import Load
from results_file import write
from served import NEVER_FOLDED, Service, client_of, started
from speed_catalogue import CONFIG, DUOLU

from app.snapshot.store import ArtifactStore

ROOT = Path(__file__).parents[1]
CLIENTS = 4
IDS = 50  # of each client
RESTLESS = "documents.compact_rows=100"
PATIENCE_S = 300
DEATHS = 5  # beside newer rows
LIMIT_S = 5.0  # for every 100,000 documents

Document = dict[str, Any]


@dataclass(slots=True)
class Expected:
    """What a document may be: as last acknowledged, or as asked for since."""

    states: list[Document | None] = field(default_factory=lambda: [None])


@dataclass(slots=True)
class Tally:
    acknowledged: int = 0
    refused: int = 0
    undecided: int = 0  # answered by an error of the service's own
    wrong: list[Document] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)
    beside_s: list[float] = field(default_factory=list)  # the same, beside newer rows
    snapshots: set[str] = field(default_factory=set)


def main(
    rounds: Annotated[int, typer.Option()] = 100,
    documents: Annotated[int, typer.Option(help="Of the catalogue that serves.")] = 100_000,
    newer: Annotated[int, typer.Option(help="Rows that the log holds beside it.")] = 10_000,
    seed: Annotated[int, typer.Option()] = 7,
    work: Annotated[Path, typer.Option()] = Path("data/bench/durability"),
) -> None:
    """Run the rounds."""
    data, rng, tally = _catalogue(work, documents), random.Random(seed), Tally()
    expected = {f"c{c}-{i}": Expected() for c in range(CLIENTS) for i in range(IDS)}
    service = _start(data, tally.ready_s, RESTLESS)
    for number in range(rounds):
        kill = partial(_kill_at, data, number, rng.random(), service)
        _drive(service.url, expected, rng, tally, kill)
        service = _start(data, tally.ready_s, RESTLESS)
        _look(service.url, expected, tally, number)
        tally.snapshots.add(ArtifactStore(data / "snapshots", "snapshot").require_current())
        typer.echo(
            f"round {number + 1}: {tally.acknowledged:,} acknowledged, {len(tally.wrong)} wrong, "
            f"{len(tally.snapshots)} snapshots, ready in {tally.ready_s[-1]:.1f} s"
        )
    service.kill()
    if newer:
        data, source = _catalogue(work, documents), work / f"source-{documents}"
        _die_beside(data, source / "catalog.jsonl", newer, tally.beside_s)
    _report(rounds, documents, newer, tally)


def _die_beside(data: Path, catalogue: Path, newer: int, ready_s: list[float]) -> None:
    """Write so many rows, kill the service, and time its next start; again and again."""
    service = _start(data, [], NEVER_FOLDED)
    Load(service.url, catalogue).fill(newer)
    for _ in range(DEATHS):
        service.kill()
        service = _start(data, ready_s, NEVER_FOLDED)
        typer.echo(f"beside {newer:,} newer rows: ready in {ready_s[-1]:.1f} s")
    service.kill()


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
    with client_of(url) as client:
        while True:
            id_ = f"c{number}-{rng.randrange(IDS)}"
            states = expected[id_].states
            method, body, after = _change(id_, states, rng)
            states.append(after)
            try:
                answer = client.request(method, f"/v1/documents/{id_}", json=body)
            except httpx.TransportError:
                return
            if answer.is_success:
                expected[id_].states = [after]
                tally.acknowledged += 1
            elif answer.is_server_error:
                tally.undecided += 1  # it may have been written: nobody said that it was not
            else:
                states.pop()
                tally.refused += 1


def _change(
    id_: str, states: list[Document | None], rng: random.Random
) -> tuple[str, Document | None, Document | None]:
    """Return a call, its body, and the document after it. What is undecided is put anew."""
    now = states[-1] if len(states) == 1 else None
    kind = rng.choice(["PUT", "PATCH", "DELETE"]) if now else "PUT"
    if kind == "DELETE":
        return kind, None, None
    if kind == "PATCH" and now:
        keys: Document = rng.choice([{"price": rng.randint(1, 99)}, {"title": f"t{rng.random()}"}])
        return kind, keys, {**now, **keys}
    body = {"id": id_, "title": f"t{rng.random()}", "text": "word " * rng.randint(0, 400)}
    return "PUT", body, body


def _look(url: str, expected: dict[str, Expected], tally: Tally, number: int) -> None:
    with client_of(url) as client:
        for id_, e in expected.items():
            answer = client.get(f"/v1/documents/{id_}")
            is_absent = answer.status_code == httpx.codes.NOT_FOUND
            is_ = None if is_absent else answer.raise_for_status().json()["document"]
            if is_ not in [_shown(state) for state in e.states]:
                tally.wrong.append({"round": number, "id": id_, "is": is_, "expected": e.states})
            e.states = [is_]  # what was in flight is decided now


def _shown(state: Document | None) -> Document | None:
    """A blank text is no text."""
    return state and {k: v for k, v in state.items() if not (isinstance(v, str) and not v.strip())}


def _start(data: Path, ready_s: list[float], setting: str) -> Service:
    began = time.perf_counter()
    service = started(data, setting)
    service.wait_until_ready(PATIENCE_S)
    ready_s.append(time.perf_counter() - began)
    return service


def _kill_at(data: Path, number: int, moment: float, service: Service) -> None:
    """Wait for a moment in [0, 1) of 6 s, or of the 0.3 s behind the next publication."""
    store, end = ArtifactStore(data / "snapshots", "snapshot"), time.monotonic() + PATIENCE_S
    before = store.current_id()
    while number % 2 and store.current_id() == before and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(moment * (0.3 if number % 2 else 6.0))
    service.kill()


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


def _report(rounds: int, documents: int, newer: int, tally: Tally) -> None:
    rows = [
        {"case": f"lost, torn or back of {tally.acknowledged:,} acknowledged, {rounds} deaths",
         "ours": len(tally.wrong), "peer": 0, "peer_name": "promised", "ratio": None,
         "unit": "documents"},
        _ready(f"ready again, {documents:,} documents", documents, tally.ready_s),
    ]  # fmt: skip
    if newer:
        case = f"ready again, {documents:,} documents and {newer:,} newer rows"
        rows.append(_ready(case, documents + newer, tally.beside_s))
    samples = {
        "ready_s": tally.ready_s, "beside_s": tally.beside_s,
        "acknowledged": tally.acknowledged, "refused": tally.refused,
        "undecided": tally.undecided, "snapshots": len(tally.snapshots), "wrong": tally.wrong,
    }  # fmt: skip
    for row in rows:
        typer.echo(f"{row['case']}: {row['ours']:.4g} {row['unit']}")
    typer.echo(f"written: {write('durability', rows, samples)}")
    raise SystemExit(1 if tally.wrong else 0)


def _ready(case: str, documents: int, seconds: list[float]) -> Document:
    median, limit = statistics.median(seconds), LIMIT_S * documents / 100_000
    return {"case": case, "ours": median, "peer": limit, "peer_name": "limit",
            "ratio": median / limit, "unit": "s"}  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
