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

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from in_turn import BLOCK, ask_in_turn, linked
from results_file import write
from served import serving

from app.corpus.impression_log import read_impressions
from app.offline.trec import read_queries


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
        on, off = (linked(data, Path(folder) / name) for name in ("on", "off"))
        ranker = stack.enter_context(serving(off, models=models, role="ranker"))
        for name, more in (("local", ()), ("remote", (f"rank.url={ranker.url}",))):
            with (
                serving(on, *more, models=models) as logging,
                serving(off, *more, "impressions.enabled=false", models=models) as silent,
            ):
                taken, spent = ask_in_turn({"on": logging, "off": silent}, topics, rounds)
            samples[name] = {"ms": taken, "processor_ms": spent}
            rows += _rows(name, taken, spent)
        rows.append(_bytes(on / "impressions"))
    for row in rows:
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()))
    print(f"written: {write('impressions', rows, samples)}")


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
