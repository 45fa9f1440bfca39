"""Does a query find what it means? Own test queries, controls, bad input, and what reading costs.

    python benchmarks/understanding.py [--half open|sealed] [--show]

Over the demo city and, where DUOLU_DATASETS has them, Airbnb's listings of Beijing and Shanghai.
While rules are written only the open half is looked at; the sealed half says afterwards whether
they hold. Results are in fused order: no model has learned from these queries. Prints the table
and writes results/understanding.json.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from results_file import write
from understanding_bad import BAD, busiest_ms
from understanding_controls import controls
from understanding_kinds import draw
from understanding_queries import Asked, catalogue_of
from understanding_worlds import World, worlds

from app.bootstrap import Engine
from app.corpus import reader
from app.query.understand import SearchRequest, understand

SEED = 7
NOW_MS = 1_767_225_600_000
EACH = 24  # queries of a kind and catalogue, both halves together
TURNS = 3


@dataclass(frozen=True, slots=True)
class Found:
    asked: Asked
    is_found: bool
    corrected: str | None


def main(
    half: Annotated[str, typer.Option(help="open, or sealed: run that once.")] = "open",
    work: Annotated[Path, typer.Option(help="Where catalogues are indexed.")] = Path("data/bench"),
    documents: Annotated[int, typer.Option(help="Of the demo city.")] = 20_000,
    timed: Annotated[int, typer.Option(help="Of the city that reading is timed on.")] = 100_000,
    show: Annotated[bool, typer.Option("--show", help="Print what was not found.")] = False,
) -> None:
    """Index, ask, print the table."""
    source = os.environ.get("DUOLU_DATASETS")
    sources = Path(source) if source else None
    rows: list[dict[str, Any]] = []
    samples: dict[str, Any] = {}
    for world in worlds(work / "understanding", documents, sources):
        found, changed = asyncio.run(ask_all(world, half, sources))
        rows += table(world.name, half, found, changed)
        samples[world.name] = {f.asked.text: f.is_found for f in found}
        if show:
            _show(found, changed)
    rows += asyncio.run(times(work / "understanding", timed))
    typer.echo(f"written: {write('understanding', rows, samples)}")


async def ask_all(
    world: World, half: str, sources: Path | None
) -> tuple[list[Found], dict[str, str | None]]:
    """Ask the queries of one half, and every control query."""
    catalogue = catalogue_of(world.documents, world.bounds, world.kinds)
    queries = [a for a in draw(catalogue, EACH, SEED) if a.half == half]
    titles = [d["title"] for d in world.documents if 2 <= len(d["title"]) <= 60]
    right = controls(titles, list(catalogue.names), sources, EACH, SEED)
    by_id = {d["id"]: d for d in world.documents}
    found = [await ask(world.engine, a, by_id) for a in queries]
    snapshot = world.engine.acquire().snapshot
    changed = {
        text: understand(SearchRequest(text), snapshot, NOW_MS).text
        if understand(SearchRequest(text), snapshot, NOW_MS).original is not None
        else None
        for text in right
    }
    return found, changed


async def ask(engine: Engine, asked: Asked, by_id: Mapping[str, Any]) -> Found:
    answer = await engine.search(SearchRequest(asked.text), NOW_MS, rank=False)
    fitting = sum(asked.fits(by_id[i]) for i in answer.result.ids)
    query = answer.ctx.query
    return Found(asked, fitting >= asked.enough, query.text if query.original else None)


def table(
    world: str, half: str, found: Sequence[Found], changed: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """Print and return the share found of each kind, of all, and of controls changed."""
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for one in found:
        by_kind[one.asked.kind].append(one.is_found)
    by_kind["all"] = [one.is_found for one in found]
    rows = []
    for kind, hits in by_kind.items():
        typer.echo(f"{world:<8} {half:<7} {kind:<18} {sum(hits):>4} of {len(hits):<4} "
                   f"{np.mean(hits):6.1%}")  # fmt: skip
        rows.append({"case": f"{world}: {kind}", "half": half, "ours": float(np.mean(hits)),
                     "queries": len(hits), "unit": "share found"})  # fmt: skip
    share = np.mean([text is not None for text in changed.values()])
    typer.echo(f"{world:<8} controls changed {share:.2%} of {len(changed)}")
    rows.append({"case": f"{world}: controls", "half": half, "ours": float(share),
                 "queries": len(changed), "unit": "share changed"})  # fmt: skip
    return rows


def _show(found: Iterable[Found], changed: Mapping[str, str | None]) -> None:
    for one in found:
        if not one.is_found:
            typer.echo(f"  not found: {one.asked.kind}: {one.asked.text!r} as {one.corrected!r}")
    for text, as_ in changed.items():
        if as_ is not None:
            typer.echo(f"  changed: {text!r} → {as_!r}")


async def times(work: Path, documents: int) -> list[dict[str, Any]]:
    """Time understanding on a city of its own, and the busiest bad input there."""
    (world,) = worlds(work / f"timed-{documents}", documents, None)
    catalogue = catalogue_of(world.documents[:5000], world.bounds, world.kinds)
    texts = [a.text for a in draw(catalogue, EACH, SEED)]
    snapshot = world.engine.acquire().snapshot
    reader.SHORT = 0  # each query is read as if for the first time
    took = []
    for turn in range(TURNS + 1):  # the first warms caches
        for text in texts:
            started = time.perf_counter_ns()
            understand(SearchRequest(text), snapshot, NOW_MS)
            if turn:
                took.append((time.perf_counter_ns() - started) / 1e6)
    p50, p99 = np.percentile(took, [50, 99]).tolist()
    bad_ms, worst = await busiest_ms(world.engine, NOW_MS)
    typer.echo(f"understanding, {documents:,} documents: p50 {p50:.3f} ms, p99 {p99:.3f} ms")
    typer.echo(f"bad input: {len(BAD)} kinds, at most {bad_ms:.1f} ms of one core ({worst[:20]!r})")
    return [
        {"case": "understanding p50", "ours": p50, "unit": "ms", "documents": documents},
        {"case": "understanding p99", "ours": p99, "unit": "ms", "documents": documents},
        {"case": "bad input, busiest", "ours": bad_ms, "unit": "ms of one core", "query": worst},
    ]


if __name__ == "__main__":
    typer.run(main)
