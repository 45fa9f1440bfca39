"""What the impression log costs a search, and the disk.

    python benchmarks/impressions.py --data data --models models --queries data/demo/queries.jsonl

Two gateways over the same snapshot, one that logs and one that does not, each ranking in its own
process, then the same two over one ranker service. They are asked the same queries in turn, a block
each in an order drawn anew, by one caller who waits: a block lasts long enough for the writer's
thread to work while its own gateway is being measured. Logs go to a folder of their own. Writes
results/impressions.json with every sample.
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from results_file import write

from app.corpus.impression_log import read_impressions
from app.offline.trec import Topic, read_queries

SEED = 7
BLOCK = 100
WARM = 100
READY_S = 120.0
QUIET_S = 0.5
"""Between blocks: what the one before left to be written is not charged to the next."""


def main(
    data: Annotated[Path, typer.Option(help="Snapshot and tables to serve.")] = Path("data"),
    models: Annotated[Path, typer.Option(help="With a published release.")] = Path("models"),
    queries: Annotated[Path, typer.Option()] = Path("data/demo/queries.jsonl"),
    rounds: Annotated[int, typer.Option(help="Blocks of each gateway.")] = 20,
) -> None:
    """Measure, print the table, keep the samples."""
    topics = read_queries(queries)
    rows, samples = [], {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        on, off = (_linked(data, Path(folder) / name) for name in ("on", "off"))
        ranker = stack.enter_context(_service(off, models, "--role", "ranker"))
        for name, more in (("local", ()), ("remote", ("--set", f"rank.url={ranker.base_url}"))):
            quiet = ("--set", "impressions.enabled=false")
            with (
                _service(on, models, *more) as logging,
                _service(off, models, *more, *quiet) as silent,
            ):
                taken = _ask_in_turn({"on": logging, "off": silent}, topics, rounds)
            samples[name] = taken
            rows += _rows(name, taken)
        rows.append(_bytes(on / "impressions"))
    for row in rows:
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()))
    print(f"written: {write('impressions', rows, samples)}")


def _linked(data: Path, folder: Path) -> Path:
    """The same artifacts under a folder that has no log yet."""
    folder.mkdir()
    for kind in ("snapshots", "tables"):
        (folder / kind).symlink_to((data / kind).resolve())
    return folder


@contextmanager
def _service(data: Path, models: Path, *arguments: str) -> Iterator[httpx.Client]:
    """A service as a process of its own, warm and ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    command += ["--data", str(data), "--models", str(models), *arguments]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            _wait_until_ready(client, process)
            yield client
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"{client.base_url} is not ready; try: duolu doctor")


def _ask_in_turn(
    clients: Mapping[str, httpx.Client], topics: Sequence[Topic], rounds: int
) -> dict[str, list[list[float]]]:
    """Milliseconds of each request, by gateway and block; the same queries in the same block."""
    rng = random.Random(SEED)
    taken: dict[str, list[list[float]]] = {name: [] for name in clients}
    for client in clients.values():
        _ask(client, rng.choices(topics, k=WARM))
    for _ in range(rounds):
        block = rng.choices(topics, k=BLOCK)
        for name in rng.sample(sorted(clients), k=len(clients)):
            taken[name].append(_ask(clients[name], block))
            time.sleep(QUIET_S)
    return taken


def _ask(client: httpx.Client, topics: Sequence[Topic]) -> list[float]:
    taken = []
    for topic in topics:
        asked: dict[str, Any] = {"q": topic.text, "limit": 10}
        if topic.user_id is not None:
            asked["user_id"] = topic.user_id
        started = time.perf_counter()
        answer = client.get("/v1/search", params=asked)
        taken.append((time.perf_counter() - started) * 1e3)
        answer.raise_for_status()
        if answer.json()["release_id"] is None:
            raise SystemExit("fused order was served: publish a release first, see duolu doctor")
    return taken


def _rows(name: str, taken: Mapping[str, list[list[float]]]) -> list[dict[str, Any]]:
    """Pair the requests: the same query, in the same round."""
    on, off = (np.concatenate(taken[which]) for which in ("on", "off"))
    return [
        {
            "case": f"{name} p{q}", "ours": float(np.percentile(on, q)),
            "peer": float(np.percentile(off, q)), "peer_name": "without a log", "unit": "ms",
            "ratio": float(np.percentile(on, q) / np.percentile(off, q)),
            "median_of_paired_differences": float(np.median(on - off)),
        }
        for q in (50, 95, 99)
    ]  # fmt: skip


def _bytes(log: Path) -> dict[str, Any]:
    found = list(read_impressions(log, columns=("ids", "feature_names")))
    size = sum(file.stat().st_size for file in log.rglob("*.parquet"))
    return {
        "case": "bytes an impression", "ours": size / len(found), "unit": "bytes",
        "impressions": len(found), "files": len(list(log.rglob("*.parquet"))),
        "documents": float(np.mean([len(i.ids) for i in found])),
        "features": len(found[-1].feature_names),
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
