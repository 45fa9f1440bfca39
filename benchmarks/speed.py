"""Speed, stage by stage, with the bare engine calls of the same work in the same run.

    python benchmarks/speed.py [--sizes 20000,100000,1000000] [--queries 300] [--rounds 5]

Draws, indexes and trains each synthetic city once (data/bench/speed/SIZE), then times every stage
of every query in one process, one at a time and in an order drawn anew each round. Prints ratios
and writes results/speed.json with every sample. See docs/performance.md.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import faiss
import speed_builds
import speed_table as table
import typer
from results_file import write
from speed_catalogue import City, prepare
from speed_compiled import sample_compiled
from speed_peers import Bare
from speed_stages import PATIENCE_MS, Sample, Stages, by_stage, per_query, sample_all

from app.bootstrap import Engine
from app.settings import Settings

SEED = 7
PARTS = ("stages", "compiled", "builds", "memory")
MOST_MS = 60_000.0  # what a request may say


def main(
    sizes: Annotated[str, typer.Option(help="Documents of each city.")] = "20000,100000,1000000",
    queries: Annotated[int, typer.Option(help="Of each city's own.")] = 300,
    rounds: Annotated[int, typer.Option(help="Times that each query is measured.")] = 5,
    build_size: Annotated[int, typer.Option(help="City whose vectors are indexed.")] = 100_000,
    parts: Annotated[str, typer.Option(help="What to measure.")] = ",".join(PARTS),
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
    rebuild: Annotated[bool, typer.Option(help="Draw, index and train again.")] = False,
) -> None:
    """Measure, print the table, keep the samples."""
    faiss.omp_set_num_threads(1)
    wanted = [int(size) for size in sizes.split(",")]
    cities = {size: prepare(size, work, rebuild) for size in wanted}
    rows: list[dict[str, Any]] = []
    samples: dict[str, Any] = {"load": os.getloadavg()}
    if "stages" in parts:
        rows += time_stages(cities, queries, rounds, samples)
    if "compiled" in parts:
        rows += time_compiled(cities, queries, rounds, samples)
    if "builds" in parts:
        rows += time_builds(cities, build_size, samples)
    if "memory" in parts:
        rows += weigh(cities, queries, samples)
    print("\nmust")
    for r in rows:
        print(table.line(r))
    print(f"written: {write('speed', rows, samples)}")


def time_stages(
    cities: dict[int, City], queries: int, rounds: int, samples: dict[str, Any]
) -> list[dict[str, Any]]:
    """Every stage of every city, one city at a time."""
    rows: list[dict[str, Any]] = []
    typical: dict[int, list[Sample]] = {}
    for size, city in cities.items():
        with _stages_of(city) as stages:
            raw = sample_all(stages, city.queries(queries), rounds, SEED)
        typical[size] = per_query(raw)
        samples[f"stages {size}"] = by_stage(raw)
        spread = table.spread(typical[size])
        samples[f"spread {size}"] = spread
        print(f"\n{size:,} documents, {len(raw)} queries, {rounds} rounds: µs")
        for name, s in spread.items():
            print(f"  {name:<22} p50 {s['p50']:>9,.0f}   p90 {s['p90']:>9,.0f}   n {s['queries']}")
        rows += table.stage_rows(size, typical[size])
    if {100_000, 1_000_000} <= typical.keys():
        rows += table.growth_rows(typical, 100_000, 1_000_000)
    return rows


def time_compiled(
    cities: dict[int, City], queries: int, rounds: int, samples: dict[str, Any]
) -> list[dict[str, Any]]:
    """What is compiled of every stage: below that no Python can bring it."""
    rows: list[dict[str, Any]] = []
    for size, city in cities.items():
        with _stages_of(city) as stages:
            requests = [stages.prepare(asked) for asked in city.queries(queries)]
            raw = sample_compiled(stages, requests, rounds, SEED)
        samples[f"compiled {size}"] = by_stage(raw)
        rows.append(table.compiled_row(size, per_query(raw)))
    return rows


@contextmanager
def _stages_of(city: City) -> Iterator[Stages]:
    engine = Engine(patient(city.settings), city.place.data, city.place.models)
    engine.refresh()
    try:
        bare = Bare.beside(engine.acquire(), city.root / "tantivy")
        with Stages(engine, bare) as stages:
            gc.collect()
            gc.freeze()
            yield stages
    finally:
        engine.close()


def patient(settings: Settings) -> Settings:
    """Let nothing time out: a stage that is late is measured, not left out."""
    channels = {
        name: channel.model_copy(update={"timeout_ms": PATIENCE_MS})
        for name, channel in settings.channels.items()
    }
    service = settings.service.model_copy(update={"timeout_ms": MOST_MS})
    return settings.model_copy(update={"channels": channels, "service": service})


def time_builds(
    cities: dict[int, City], build_size: int, samples: dict[str, Any]
) -> list[dict[str, Any]]:
    """Text on every city; vectors on the one named, for a million take many minutes twice."""
    rows = []
    for size, city in cities.items():
        documents = city.place.snapshot().documents
        work = city.root / "builds"
        turns = 3 if size <= 100_000 else 1
        text = speed_builds.text(documents, city.settings, work, turns)
        rows.append(table.build_row(f"{size:,} text build", text, "tantivy", 10.0))
        samples[f"text build {size}"] = {"ours": text.ours, "peer": text.peer}
        if size == build_size and size > city.settings.channels["vector"].own["exact_below"]:
            vector = speed_builds.vector(documents, city.settings, work, turns)
            rows.append(table.build_row(f"{size:,} vector build", vector, "faiss", 1.1))
            samples[f"vector build {size}"] = {"ours": vector.ours, "peer": vector.peer}
    return rows


def weigh(cities: dict[int, City], queries: int, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Peak memory of building and of serving, each in a process of its own."""
    rows = []
    for size, city in cities.items():
        serving = city.serving_memory(queries)
        samples[f"memory {size}"] = {"built": city.built, "serving": serving}
        rows.append(table.memory_row(f"{size:,} serving, peak memory", serving["peak_mib"]))
        if "reindex" in city.built:
            peak = city.built["reindex"]["peak_mib"]
            rows.append(table.memory_row(f"{size:,} reindex, peak memory", peak))
    return rows


if __name__ == "__main__":
    typer.run(main)
