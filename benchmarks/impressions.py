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

import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from results_file import write
from served import Service, client_of, serving

from app.corpus.impression_log import read_impressions
from app.offline.trec import Topic, read_queries

SEED = 7
BLOCK = 100
WARM = 100
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
        ranker = stack.enter_context(serving(off, models=models, role="ranker"))
        for name, more in (("local", ()), ("remote", (f"rank.url={ranker.url}",))):
            with (
                serving(on, *more, models=models) as logging,
                serving(off, *more, "impressions.enabled=false", models=models) as silent,
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


def _ask_in_turn(
    services: Mapping[str, Service], topics: Sequence[Topic], rounds: int
) -> tuple[dict[str, list[list[float]]], dict[str, list[float]]]:
    """Milliseconds waited for each request, by gateway and block, and processor time of a block.

    The same queries in the same block.
    """
    rng = random.Random(SEED)
    taken: dict[str, list[list[float]]] = {name: [] for name in services}
    spent: dict[str, list[float]] = {name: [] for name in services}
    with ExitStack() as stack:
        clients = {n: stack.enter_context(client_of(s.url)) for n, s in services.items()}
        for client in clients.values():
            _ask(client, rng.choices(topics, k=WARM))
        time.sleep(QUIET_S)
        for _ in range(rounds):
            block = rng.choices(topics, k=BLOCK)
            for name in rng.sample(sorted(services), k=len(services)):
                before = services[name].spent_ms()
                taken[name].append(_ask(clients[name], block))
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
