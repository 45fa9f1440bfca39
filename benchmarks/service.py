"""Gateway and ranker under load: latency, capacity, and releases that are swapped meanwhile.

    python benchmarks/service.py [--quick] [--parts latency,alone,capacity,swaps]

Starts the services as processes over a synthetic city, once ranking in the gateway's own process
and once in a ranker service, and asks them at a fixed rate whatever they answer (service_load.py),
or one request at a time. Phases of one kind and another take turns. Writes results/service.json
with all samples, and a plot.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import service_parts as parts
import service_table as table
import typer
from results_file import RESULTS, kept, write
from service_equal import compare
from service_load import event_loop
from service_parts import Plan
from service_site import site_of
from speed_catalogue import prepare

SEED = 7
PARTS = ("latency", "alone", "capacity", "swaps")


def main(
    quick: Annotated[bool, typer.Option(help="Short phases: two minutes.")] = False,
    parts_: Annotated[str, typer.Option("--parts", help="What to measure.")] = ",".join(PARTS),
    size: Annotated[int, typer.Option(help="Documents of the city.")] = 20_000,
    rate: Annotated[float, typer.Option(help="Requests a second.")] = 40.0,
    swap_rate: Annotated[float, typer.Option(help="The same, while releases swap.")] = 60.0,
    limit_ms: Annotated[float, typer.Option(help="p99 that capacity must keep.")] = 100.0,
    keep: Annotated[bool, typer.Option(help="Keep the file's other parts.")] = False,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="For the services.")] = None,
    rebuild: Annotated[bool, typer.Option(help="Draw, index and train again.")] = False,
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
    site: Annotated[Path, typer.Option(help="Where services run.")] = Path("data/bench/service"),
) -> None:
    """Measure, print the table, keep the samples."""
    plan = (parts.QUICK if quick else parts.WHOLE).at(rate, swap_rate, limit_ms)
    city = prepare(size, work, rebuild)
    asked = city.queries(1_000)
    rows: list[dict[str, Any]] = []
    samples: dict[str, Any] = {}
    with site_of(city, site / str(size), overrides or ()) as services:
        compared, different = compare(services, asked[: plan.compared])
        rows.append(table.equal_row(compared, different))
        print(table.line(rows[-1]), flush=True)
        bench = parts.Bench(services, plan, parts.bodies(asked), random.Random(SEED))
        rows += _measured(bench, plan, parts_.split(","), samples)
    for must in table.musts(rows):
        print(must)
    name = "service_quick" if quick else "service"
    before, earlier = kept(name, {row["case"] for row in rows}) if keep else ([], {})
    rows = before + rows
    print(f"written: {write(name, rows, {**earlier, **samples})}")
    table.plot({**earlier, **samples}, RESULTS / f"{name}.png")


def _measured(
    bench: parts.Bench, plan: Plan, wanted: Sequence[str], samples: dict[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    loop = event_loop()
    gc.freeze()
    try:
        loop.run_until_complete(bench.warm())
        for part in wanted:
            taken = loop.run_until_complete(getattr(bench, part)())
            samples[part] = table.samples(taken)
            for row in getattr(table, f"{part}_rows")(taken, plan):
                rows.append(row)
                print(table.line(row), flush=True)
    finally:
        loop.close()
    return rows


if __name__ == "__main__":
    typer.run(main)
