"""What searches notice while changes are folded into a new snapshot and the service swaps to it.

    make bench-folding            (python benchmarks/folding.py --size 100000 --newer 10000)

A gateway serves a synthetic city beside `newer` rows that were written since. Clients search
without a pause and one patches prices; after some searches `duolu compact` runs, its snapshot is
taken up, and they go on. An answer that is none counts as failed. Mixed is an answer that names one
point of the log and shows a price of another, or that misses one of the documents that all bear
the word searched for. Prints both counts, how long folding took, and latencies before it, meanwhile
and after; writes results/folding.json, and ends with 1 where anything failed or was mixed.
"""

from __future__ import annotations

import math
import subprocess
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import orjson
import typer
from freshness_load import Load, log_seq
from results_file import write
from served import NEVER_FOLDED, client_of, copied, serving
from speed_catalogue import CONFIG, DUOLU, prepare

WORD = "foldprobe"
PROBES = 40
CLIENTS = 4
PATCHES_A_SECOND = 20
BEFORE, AFTER = 0.2, 0.3  # of the searches, at least
PATIENCE_S = 1200.0

Answer = dict[str, Any]


class History:
    """What each probe's price was, from which number of the log on."""

    def __init__(self) -> None:
        self._seqs: dict[str, list[int]] = {}
        self._prices: dict[str, list[float]] = {}

    def changed(self, id_: str, seq: int, price: float) -> None:
        self._prices.setdefault(id_, []).append(price)
        self._seqs.setdefault(id_, []).append(seq)

    def price(self, id_: str, seq: int) -> float | None:
        at = bisect_right(self._seqs[id_], seq)
        return self._prices[id_][at - 1] if at else None


@dataclass(slots=True)
class Seen:
    """What one client was answered."""

    probes: list[Answer] = field(default_factory=list)
    times: list[tuple[float, float]] = field(default_factory=list)  # when, and milliseconds
    failed: list[tuple[float, str]] = field(default_factory=list)  # when, and why
    snapshots: set[str] = field(default_factory=set)


def main(
    size: Annotated[int, typer.Option(help="Documents of the snapshot.")] = 100_000,
    newer: Annotated[int, typer.Option(help="Rows newer than it.")] = 10_000,
    searches: Annotated[int, typer.Option(help="At least so many.")] = 12_000,
    work: Annotated[Path, typer.Option()] = Path("data/bench/speed"),
) -> None:
    """Measure and write results/folding.json."""
    city = prepare(size, work, rebuild=False)
    data = copied(city.place.data, work / f"folding-{size}")
    texts = [asked.request.text for asked in city.queries(500)]
    history, ended = History(), threading.Event()
    with serving(data, NEVER_FOLDED, models=city.place.models) as service:
        Load(service.url, city.root / "source" / "catalog.jsonl").fill(newer)
        put_probes(service.url, history)
        seen = [Seen() for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            patching = pool.submit(keep_patching, service.url, history, ended)
            asking = [
                pool.submit(search, service.url, one, texts[n::CLIENTS], ended)
                for n, one in enumerate(seen)
            ]
            try:
                wait_for(seen, searches * BEFORE)
                moments = fold(service.url, data)
                wait_for(seen, max(searches, answered(seen) + searches * AFTER))
            finally:
                ended.set()
            for one in asking:
                one.result()
            patches = patching.result()
    report(size, newer, seen, history, moments, patches)


def put_probes(url: str, history: History) -> None:
    with client_of(url) as client:
        for number in range(PROBES):
            document = {"id": f"probe{number}", "title": f"{WORD} {number}", "price": 1.0}
            answer = client.put(f"/v1/documents/probe{number}", content=orjson.dumps(document))
            seq = answer.raise_for_status().json()["seq"]
            history.changed(document["id"], seq, 1.0)
        while log_seq(client) < seq:
            time.sleep(0.05)


def keep_patching(url: str, history: History, ended: threading.Event) -> int:
    """Change the probes' prices in turn. Returns how often."""
    with client_of(url) as client:
        for number in count():
            if ended.wait(1 / PATCHES_A_SECOND):
                return number
            id_, price = f"probe{number % PROBES}", float(2 + number)
            answer = client.patch(f"/v1/documents/{id_}", content=orjson.dumps({"price": price}))
            history.changed(id_, answer.raise_for_status().json()["seq"], price)
    raise AssertionError("count() never ends")


def search(url: str, seen: Seen, texts: Sequence[str], ended: threading.Event) -> None:
    """Search without a pause; every fourth time for the probes."""
    bodies = [orjson.dumps({"query": text}) for text in texts]
    probing = orjson.dumps({"query": WORD, "limit": PROBES, "channels": ["lexical"]})
    with client_of(url) as client:
        for number in count():
            if ended.is_set():
                return
            is_probing = number % 4 == 3
            body = probing if is_probing else bodies[number % len(bodies)]
            began = time.perf_counter()
            try:
                answer = client.post("/v1/search", content=body)
            except httpx.HTTPError as error:
                seen.failed.append((began, repr(error)))
                continue
            if answer.status_code != httpx.codes.OK:
                seen.failed.append((began, f"{answer.status_code}: {answer.text[:200]}"))
                continue
            seen.times.append((began, (time.perf_counter() - began) * 1e3))
            found = orjson.loads(answer.content)
            seen.snapshots.add(found["snapshot_id"])
            if is_probing:
                seen.probes.append(found)


def answered(seen: Sequence[Seen]) -> int:
    return sum(len(one.times) for one in seen)


def wait_for(seen: Sequence[Seen], searches: float) -> None:
    end = time.monotonic() + PATIENCE_S
    while answered(seen) < searches and time.monotonic() < end:
        time.sleep(0.1)


def fold(url: str, data: Path) -> tuple[float, float, float]:
    """Fold the changes; return when it began, was published, and served."""
    began = time.perf_counter()
    told = ("--data", str(data), "--config", str(CONFIG), "--json")
    done = subprocess.run([*DUOLU, "compact", *told], check=True, capture_output=True)
    published, made = time.perf_counter(), orjson.loads(done.stdout)["snapshot_id"]
    with client_of(url) as client:
        while client.get("/readyz").json()["snapshot_id"] != made:
            time.sleep(0.05)
    return began, published, time.perf_counter()


def mixed(probes: Sequence[Answer], history: History) -> Iterator[str]:
    """Say what is wrong in answers that show another state than the one they name."""
    for answer in probes:
        seq, results = answer["log_seq"], answer["results"]
        if len({r["id"] for r in results}) != PROBES:
            yield f"{len(results)} of {PROBES} probes at {seq} on {answer['snapshot_id']}"
        for result in results:
            price, then = result["document"].get("price"), history.price(result["id"], seq)
            if price != then:
                yield f"{result['id']} costs {price} at {seq}, where it cost {then}"


def report(
    size: int, newer: int, seen: Sequence[Seen], history: History,
    moments: tuple[float, float, float], patches: int,
) -> None:  # fmt: skip
    began, published, served = moments
    failed = [why for one in seen for why in one.failed]
    wrong = list(mixed([a for one in seen for a in one.probes], history))
    times = np.array([pair for one in seen for pair in one.times])
    when, ms = times[:, 0], times[:, 1]
    spans = [("before", 0.0, began), ("meanwhile", began, served), ("after", served, math.inf)]
    phases = {name: ms[(when >= start) & (when < end)] for name, start, end in spans}
    total = int(ms.size) + len(failed)
    usual = {f"p{p}": float(np.percentile(phases["before"], p)) for p in (50, 95)}
    rows = [
        _row(f"searches failed of {total:,}", len(failed), 0, "promised", "searches"),
        _row("answers that mix states", len(wrong), 0, "promised", "answers"),
        _row(f"folding {newer:,} into {size:,}", published - began, None, None, "s"),
        _row("from the publication until it serves", served - published, None, None, "s"),
    ]
    for phase in ("meanwhile", "after"):
        for p in (50, 95):
            ours = float(np.percentile(phases[phase], p))
            rows.append(_row(f"search p{p}, {phase}", ours, usual[f"p{p}"], "before", "ms"))
    for row in rows:
        ratio = f"  {row['ratio']:.2f} x {row['peer_name']}" if row["ratio"] else ""
        typer.echo(f"{row['case']:44} {row['ours']:10.2f} {row['unit']}{ratio}")
    samples = {
        "searches": total, "probing": sum(len(one.probes) for one in seen), "patches": patches,
        "failed": {name: [why for when, why in failed if start <= when < end][:20]
                   for name, start, end in spans}, "mixed": wrong[:20],
        "snapshots": sorted(set().union(*(one.snapshots for one in seen))),
        "seconds": {"folding": published - began, "taking_up": served - published},
        "phases": {name: {"searches": int(values.size), **_quantiles(values)}
                   for name, values in phases.items()},
    }  # fmt: skip
    typer.echo(f"written: {write('folding', rows, samples)}")
    raise SystemExit(1 if failed or wrong else 0)


def _quantiles(values: np.ndarray[Any, Any]) -> dict[str, float]:
    return {f"p{p}": float(np.percentile(values, p)) for p in (50, 95, 99)}


def _row(
    case: str, ours: float, peer: float | None, peer_name: str | None, unit: str
) -> dict[str, Any]:
    ratio = ours / peer if peer else None
    return {"case": case, "ours": ours, "peer": peer, "peer_name": peer_name,
            "ratio": ratio, "unit": unit}  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
