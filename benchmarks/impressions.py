"""What the impression log costs a search, and the disk.

    python benchmarks/impressions.py --data data --models models --queries data/demo/queries.jsonl

Two gateways over the same snapshot, one that logs and one that does not, each ranking in its own
process, then the same two over one ranker service. They are asked the same queries in turn, a block
each in an order drawn anew, by one caller who waits: a block lasts long enough for the writer's
thread to work while its own gateway is being measured. Processor time is that of the gateway's
process, log included: unlike the time waited it does not depend on what else the machine does. Logs
go to a folder of their own. Writes results/impressions.json with every sample.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
READY_S = 600.0
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
        for name, more in (("local", ()), ("remote", ("--set", f"rank.url={ranker.url}"))):
            quiet = ("--set", "impressions.enabled=false")
            with (
                _service(on, models, *more) as logging,
                _service(off, models, *more, *quiet) as silent,
            ):
                taken, spent = _ask_in_turn({"on": logging, "off": silent}, topics, rounds)
            samples[name] = {"ms": taken, "processor_ms": spent}
            rows += _rows(name, taken, spent)
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


@dataclass(frozen=True, slots=True)
class Service:
    client: httpx.Client
    pid: int

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def spent_ms(self) -> float:
        """Processor time of the process so far, in user and system."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


@contextmanager
def _service(data: Path, models: Path, *arguments: str) -> Iterator[Service]:
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
            yield Service(client, process.pid)
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
    services: Mapping[str, Service], topics: Sequence[Topic], rounds: int
) -> tuple[dict[str, list[list[float]]], dict[str, list[float]]]:
    """Milliseconds waited for each request, by gateway and block, and processor time of a block.

    The same queries in the same block.
    """
    rng = random.Random(SEED)
    taken: dict[str, list[list[float]]] = {name: [] for name in services}
    spent: dict[str, list[float]] = {name: [] for name in services}
    for service in services.values():
        _ask(service.client, rng.choices(topics, k=WARM))
    time.sleep(QUIET_S)
    for _ in range(rounds):
        block = rng.choices(topics, k=BLOCK)
        for name in rng.sample(sorted(services), k=len(services)):
            before = services[name].spent_ms()
            taken[name].append(_ask(services[name].client, block))
            time.sleep(QUIET_S)
            spent[name].append(services[name].spent_ms() - before)
    return taken, spent


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


def _rows(
    name: str, taken: Mapping[str, list[list[float]]], spent: Mapping[str, list[float]]
) -> list[dict[str, Any]]:
    on, off = (np.concatenate(taken[which]) for which in ("on", "off"))
    waited = [
        _row(f"{name} p{q}", np.percentile(on, q), np.percentile(off, q)) for q in (10, 50, 95)
    ]
    each = [np.mean(spent[which]) / BLOCK for which in ("on", "off")]
    return [*waited, _row(f"{name} processor time a search", *each)]


def _row(case: str, ours: Any, peer: Any) -> dict[str, Any]:
    return {
        "case": case, "ours": float(ours), "peer": float(peer), "peer_name": "without a log",
        "ratio": float(ours / peer), "unit": "ms",
    }  # fmt: skip


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
