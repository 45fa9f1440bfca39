"""Our retrieval beside other engines: one catalogue, the same tokens, vectors and queries.

    pip install 'duolu[bench-peers]'    # what is not installed is left out, and said
    python benchmarks/peers.py [--quick]

Draws and indexes a synthetic city once (data/bench/speed/SIZE), builds the peers' indexes beside it
(data/bench/peers), and asks every engine every question, in an order drawn anew each round, in one
process; a query's figure is its quietest round. Says how long each takes in times ours, how good
its first ten are by the city's hidden grades, and what a graph finds of the exact neighbours.
Writes results/peers.json with all samples, and a plot beside it.
"""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import faiss
import peers_bare
import peers_lance
import peers_ours
import peers_qdrant
import peers_table as table
import typer
from peers_asked import Work, work_of
from peers_leg import VECTOR, Leg
from results_file import RESULTS, write
from speed import patient
from speed_catalogue import prepare

from app.bootstrap import Engine, Serving

SEED = 7


def main(
    quick: Annotated[bool, typer.Option(help="20,000 documents, 60 queries, 3 rounds.")] = False,
    size: Annotated[int, typer.Option(help="Documents.")] = 100_000,
    queries: Annotated[int, typer.Option(help="Of the city's own.")] = 300,
    rounds: Annotated[int, typer.Option(help="Times that each query is asked.")] = 5,
    rebuild: Annotated[bool, typer.Option(help="Draw, index and train again.")] = False,
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
    indexes: Annotated[Path, typer.Option(help="Where peers build.")] = Path("data/bench/peers"),
) -> None:
    """Measure, print the table, keep the samples."""
    faiss.omp_set_num_threads(1)
    size, queries, rounds = (20_000, 60, 3) if quick else (size, queries, rounds)
    city = prepare(size, work, rebuild)
    engine = Engine(patient(city.settings), city.place.data, city.place.models)
    engine.refresh()
    try:
        with peers_ours.event_loop() as runner:
            serving = engine.acquire()
            asked = work_of(city, serving, queries)
            legs = peers_ours.legs(asked, serving, runner)
            legs += _peers(asked, serving, indexes / serving.snapshot.id, legs)
            rows = table.rows(asked, legs, size)
            samples = sample_all(legs, len(asked.questions), rounds)
    finally:
        engine.close()
    rows = table.with_times(rows, samples)
    for line in (*map(table.line, rows), *table.musts(rows)):
        print(line)
    name = "peers_quick" if quick else "peers"
    print(f"written: {write(name, rows, {'load': os.getloadavg(), **samples})}")
    table.plot(rows, RESULTS / f"{name}.png")


def sample_all(legs: Sequence[Leg], questions: int, rounds: int) -> dict[str, list[list[float]]]:
    """Microseconds of each leg: a list a question, of its rounds. The first round is not kept."""
    order, calls = random.Random(SEED), [(i, leg) for leg in legs for i in range(questions)]
    taken = {leg.name: [list[float]() for _ in range(questions)] for leg in legs}
    gc.collect()
    gc.freeze()
    for turn in range(rounds + 1):
        order.shuffle(calls)
        for i, leg in calls:
            started = time.perf_counter_ns()
            leg.ask(i)
            if turn:
                taken[leg.name][i].append(round((time.perf_counter_ns() - started) / 1e3, 1))
    return taken


def _peers(work: Work, serving: Serving, folder: Path, ours: Sequence[Leg]) -> list[Leg]:
    """Return the legs of every engine that is installed."""
    recall = work.recall(next(leg for leg in ours if leg.kind == VECTOR).found(work))
    makers = {
        "faiss": lambda: [peers_bare.faiss_leg(work, serving)],
        "tantivy": lambda: [peers_bare.tantivy_leg(work, folder / "tantivy")],
        "bm25s": lambda: [peers_bare.bm25s_leg(work)],
        "qdrant-edge-py": lambda: peers_qdrant.legs(work, folder / "qdrant", recall),
        "lancedb": lambda: peers_lance.legs(work, folder / "lance", recall),
    }
    found: list[Leg] = []
    for name, make in makers.items():
        try:
            started = time.perf_counter()
            found += make()
            print(f"{name}: ready in {time.perf_counter() - started:.0f} s", flush=True)
        except ImportError as error:
            print(f"left out: {name} ({error}); pip install 'duolu[bench-peers]'")
    return found


if __name__ == "__main__":
    typer.run(main)
