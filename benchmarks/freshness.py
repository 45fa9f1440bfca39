"""How soon a change is searched, and what changes cost the searches beside them.

    make bench-freshness          (python benchmarks/freshness.py --size 100000 --newer 10000)

One gateway of its own process serves a synthetic city, embedded. First `newer` documents are
written, half of them in place of others: from then on every view has as many newer rows.

Cost: one client searches without a pause, in phases with writes on and off in turn, after the same
phases upon the snapshot alone. Each phase gives p50 and p95; compared are the medians of phases.

Visible: in phases of their own, with the same writes and searches beside them, a document with a
word of its own is written four times a second and searched for until it is found; time counts from
the acknowledgement. Every channel sees it then, for a view is published whole (tests prove that).

No compaction comes between.
"""

from __future__ import annotations

import itertools
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import orjson
import typer
from freshness_load import Load
from results_file import write
from served import NEVER_FOLDED, client_of, copied, serving
from speed_catalogue import Asked, prepare


def main(
    size: Annotated[int, typer.Option(help="Documents of the snapshot.")] = 100_000,
    newer: Annotated[int, typer.Option(help="Rows newer than it.")] = 10_000,
    rate: Annotated[int, typer.Option(help="Documents written each second.")] = 200,
    rounds: Annotated[int, typer.Option(help="Phases of each kind.")] = 5,
    seconds: Annotated[float, typer.Option(help="Of one phase.")] = 20.0,
    work: Annotated[Path, typer.Option()] = Path("data/bench/speed"),
) -> None:
    """Measure and write results/freshness.json."""
    city = prepare(size, work, rebuild=False)
    data = copied(city.place.data, work / f"freshness-{size}")
    samples: dict[str, list[dict[str, Any]]] = {
        "bare": [], "newer": [], "writing": [], "probing": []
    }  # fmt: skip
    apart = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    with serving(data, NEVER_FOLDED, models=city.place.models) as service, apart:
        asking = Asking(service.url, city.queries(500))
        load = Load(service.url, city.root / "source" / "catalog.jsonl")
        asking.phase(seconds)  # warms
        samples["bare"] = [asking.phase(seconds) for _ in range(rounds)]
        load = replace(load, first=apart.submit(load.fill, newer).result())
        for _ in range(rounds):
            samples["newer"].append(asking.phase(seconds))
            for name, probes in (("writing", False), ("probing", True)):
                changing = apart.submit(load.change, rate, seconds, probes)
                phase = asking.phase(seconds)
                first, visible_ms = changing.result()
                load = replace(load, first=first)
                samples[name].append({**phase, "visible_ms": visible_ms})
    table = _table(samples)
    for row in table:
        typer.echo(f"{row['case']:34} {row['ours']:9.2f} {row['unit']:4} ÷ {row['peer']:9.2f}"
                   f" = {row['ratio']:.3f}")  # fmt: skip
    facts = {"size": size, "newer": newer, "rate": rate, "written": load.first, "phases": samples}
    typer.echo(f"written: {write('freshness', table, facts)}")


class Asking:
    """One client that searches without a pause."""

    def __init__(self, url: str, queries: list[Asked]) -> None:
        self._client = client_of(url)
        self._bodies = itertools.cycle([_body(asked) for asked in queries])

    def phase(self, seconds: float) -> dict[str, Any]:
        """Search for so long. Milliseconds of a search, seen by the client."""
        taken, refused, end = [], 0, time.monotonic() + seconds
        while time.monotonic() < end:
            started = time.perf_counter()
            answer = self._client.post("/v1/search", content=next(self._bodies))
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # overloaded: say so below
                refused += 1
                continue
            taken.append((time.perf_counter() - started) * 1e3)
            answer.raise_for_status()
        p50, p95 = np.percentile(taken, (50, 95)).tolist()
        return {"searches": len(taken), "refused": refused, "p50": p50, "p95": p95}


def _body(asked: Asked) -> bytes:
    body: dict[str, Any] = {"query": asked.request.text}
    if asked.request.user_id is not None:
        body["user_id"] = asked.request.user_id
    if asked.request.origin is not None:
        place = asked.request.origin
        body["location"] = {"lat": place.lat, "lon": place.lon}
    return orjson.dumps(body)


def _table(samples: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Against the target of a second; with writes against without, with newer rows and without."""
    visible = np.concatenate([phase["visible_ms"] for phase in samples["probing"]])
    rows = [
        _row(f"visible p{p}", float(np.percentile(visible, p)), 1_000.0, "target") for p in (50, 99)
    ]
    for case, other in (("writing", "newer"), ("newer", "bare"), ("writing", "bare")):
        for name in ("p50", "p95"):
            ours, peer = (statistics.median(s[name] for s in samples[k]) for k in (case, other))
            rows.append(_row(f"search {name}, {case} ÷ {other}", ours, peer, other))
    return rows


def _row(case: str, ours: float, peer: float, peer_name: str) -> dict[str, Any]:
    return {
        "case": case, "ours": ours, "peer": peer, "peer_name": peer_name,
        "ratio": ours / peer, "unit": "ms",
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
