"""What traces cost a search.

    python benchmarks/tracing.py --data data --models models --queries data/demo/queries.jsonl

Gateways over the same snapshot, one that keeps no trace, one that keeps the usual share and one
that keeps all, are asked the same queries in turn, a block each in an order drawn anew, by one
caller who waits. Processor time is that of the gateway's process, traces included: unlike the time
waited it does not depend on what else the machine does. Prints a table and writes
results/tracing.json with every sample.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from in_turn import BLOCK, ask_in_turn, linked
from results_file import write
from served import serving

from app.corpus.trace_files import FOLDER
from app.offline.trec import read_queries
from app.settings.kept import TraceSettings

USUAL = TraceSettings().share
SHARES = {"none": 0.0, "usual": USUAL, "all": 1.0}
MUST = 1.03
"""Of the p50 without traces, at the usual share."""


def main(
    data: Annotated[Path, typer.Option(help="Snapshot and tables to serve.")] = Path("data"),
    models: Annotated[Path, typer.Option(help="With a published release.")] = Path("models"),
    queries: Annotated[Path, typer.Option()] = Path("data/demo/queries.jsonl"),
    rounds: Annotated[int, typer.Option(help="Blocks of each gateway.")] = 20,
) -> None:
    """Measure, print the table, keep the samples."""
    topics = read_queries(queries)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        services = {}
        for name, share in SHARES.items():
            own = linked(data, Path(folder) / name)
            service = serving(own, f"trace.share={share}", models=models)
            services[name] = stack.enter_context(service)
        taken, spent = ask_in_turn(services, topics, rounds)
        rows = [row for name in ("usual", "all") for row in _rows(name, taken, spent)]
        rows.append(_bytes(Path(folder) / "all" / FOLDER))
    for row in rows:
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()))
    ratio = rows[0]["ratio"]
    print(f"at the usual share {USUAL:.0%}: p50 x {ratio:.3f}, must be <= {MUST:g}: "
          + ("yes" if ratio <= MUST else "NO"))  # fmt: skip
    print(f"written: {write('tracing', rows, {'ms': taken, 'processor_ms': spent})}")


def _rows(
    name: str, taken: Mapping[str, Sequence[Sequence[float]]], spent: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    ours, peer = (np.array(taken[which]) for which in (name, "none"))
    rows = [_waited(f"{name} p{q}", ours, peer, q) for q in (50, 10, 95)]
    each = [float(np.mean(spent[which])) / BLOCK for which in (name, "none")]
    return [*rows, _row(f"{name} processor time a search", *each, each[0] / each[1])]


def _waited(case: str, ours: Any, peer: Any, q: int) -> dict[str, Any]:
    """Set blocks of the same queries side by side: what the machine does else hits both alike."""
    by_block = np.percentile(ours, q, axis=1), np.percentile(peer, q, axis=1)
    ratio = float(np.median(by_block[0] / by_block[1]))
    return _row(case, float(np.percentile(ours, q)), float(np.percentile(peer, q)), ratio)


def _row(case: str, ours: float, peer: float, ratio: float) -> dict[str, Any]:
    return {
        "case": case, "ours": ours, "peer": peer, "peer_name": "without traces", "ratio": ratio,
        "unit": "ms",
    }  # fmt: skip


def _bytes(traces: Path) -> dict[str, Any]:
    sizes = [file.stat().st_size for file in traces.iterdir()]
    return {
        "case": "bytes a trace", "ours": float(np.mean(sizes)), "unit": "bytes",
        "traces": len(sizes),
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
