"""What filters cost a search, and facets over every match: filtered beside unfiltered.

    python benchmarks/filters.py [--size 100000] [--queries 200] [--rounds 3]

The city's own queries (benchmarks/speed.py draws and indexes it), each without a filter and under
filters of falling selectivity, as served, in an order drawn anew each round. A query's time is its
quietest round; p99 over the queries must not be above twice the unfiltered p99. Beside it stands
the same of processor time, of all threads together, which neighbours on the machine disturb less.
Prints the table and writes results/filters.json.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import uvloop
from filters_asked import all_filters
from results_file import kept, write
from speed import patient
from speed_catalogue import Asked, prepare

from app.bootstrap import Engine
from app.online.gateway.answer import answer_body
from app.online.json_body import to_json
from app.query.filters import parse_filters
from app.query.understand import SearchRequest
from app.snapshot.visible import visible_rows

SEED, LIMIT = 7, 2.0
FREE, PROCESSOR = "unfiltered", "processor"
FACETS = ["category", "tags", "brand", "price", "in_stock"]


def main(
    size: Annotated[int, typer.Option(help="Documents of the city.")] = 100_000,
    queries: Annotated[int, typer.Option(help="Of the city's own.")] = 200,
    rounds: Annotated[int, typer.Option(help="Times that each query is measured.")] = 3,
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
) -> None:
    """Measure, print the table, keep the samples."""
    city = prepare(size, work, rebuild=False)
    engine = Engine(patient(city.settings), city.place.data, city.place.models)
    engine.refresh()
    try:
        cases = requests(engine, city.queries(queries), size)
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            samples = runner.run(sample_all(engine, cases, rounds))
    finally:
        engine.close()
    rows = [row(name, samples, f"{size} {FREE}") for name in cases]
    others, before = kept("filters", samples.keys())
    for found in rows:
        typer.echo(line(found))
    typer.echo(f"written: {write('filters', [*others, *rows], {**before, **samples})}")


def requests(engine: Engine, asked: Sequence[Asked], size: int) -> dict[str, list[Asked]]:
    """Return the queries of each case, and print how many documents its filter allows."""
    snapshot = engine.acquire().snapshot
    cases = {f"{size} {FREE}": list(asked)}
    for name, filters in all_filters(snapshot.documents).items():
        tree = parse_filters(filters, snapshot.documents.schema)
        started = time.perf_counter()
        mask = visible_rows(tree, snapshot)
        took_ms = (time.perf_counter() - started) * 1e3
        share = mask.count / len(snapshot) if mask is not None else 1.0
        typer.echo(f"  {name:<22} allows {share:8.3%}   mask {took_ms:.2f} ms")
        cases[f"{size} {name}"] = [_with(a, filters=filters) for a in asked]
    few = asked[: max(len(asked) // 4, 1)]
    cases[f"{size} facets"] = [_with(a, facets=FACETS) for a in few]
    everything = SearchRequest(facets=FACETS)
    cases[f"{size} facets of everything"] = [replace(a, request=everything) for a in few[:10]]
    return cases


def _with(asked: Asked, **changes: Any) -> Asked:
    return replace(asked, request=replace(asked.request, **changes))


async def sample_all(
    engine: Engine, cases: Mapping[str, Sequence[Asked]], rounds: int
) -> dict[str, list[list[float]]]:
    """Return milliseconds: case → query → rounds, and the same of `case PROCESSOR`.

    The first round warms up and is not kept.
    """
    order = random.Random(SEED)
    places = [(name, at) for name, asked in cases.items() for at in range(len(asked))]
    samples: dict[str, list[list[float]]] = {
        kind: [[] for _ in a] for name, a in cases.items() for kind in (name, f"{name} {PROCESSOR}")
    }
    for turn in range(rounds + 1):
        order.shuffle(places)
        for name, at in places:
            asked = cases[name][at]
            started, used = time.perf_counter(), time.process_time()
            to_json(answer_body(await engine.search(asked.request, asked.now_ms)))
            took, used = time.perf_counter() - started, time.process_time() - used
            if turn:
                samples[name][at].append(round(took * 1e3, 3))
                samples[f"{name} {PROCESSOR}"][at].append(round(used * 1e3, 3))
    return samples


def row(name: str, samples: Mapping[str, Sequence[Sequence[float]]], unfiltered: str) -> Any:
    """Compare with the same queries unfiltered. Facets are held to no limit."""
    ours, peer = (_quietest(samples[case]) for case in (name, unfiltered))
    used, peer_used = (_quietest(samples[f"{c} {PROCESSOR}"]) for c in (name, unfiltered))
    p99, free_p99 = np.percentile(ours, 99), np.percentile(peer, 99)
    limit = None if "facets" in name or name.endswith(FREE) else LIMIT
    return {
        "case": name, "ours": float(p99), "peer": float(free_p99), "peer_name": "unfiltered p99",
        "ratio": float(p99 / free_p99), "unit": "ms", "p50": float(np.median(ours)),
        "peer_p50": float(np.median(peer)), "queries": ours.size, "limit": limit,
        "holds": None if limit is None else bool(p99 <= limit * free_p99),
        "processor": float(np.percentile(used, 99)),
        "processor_ratio": float(np.percentile(used, 99) / np.percentile(peer_used, 99)),
    }  # fmt: skip


def _quietest(times: Sequence[Sequence[float]]) -> np.ndarray:
    return np.array([min(rounds) for rounds in times])


def line(r: Mapping[str, Any]) -> str:
    must = (
        "" if r["limit"] is None else f"   must ≤ {r['limit']:g}: {'yes' if r['holds'] else 'NO'}"
    )
    return (
        f"  {r['case']:<32} p50 {r['p50']:7.2f} ms   p99 {r['ours']:7.2f} ms   "
        f"× {r['ratio']:.2f}{must}   processor × {r['processor_ratio']:.2f}"
    )


if __name__ == "__main__":
    typer.run(main)
